/* temporary.c - a directory that nobody else has: mkdtemp(3), with the six letters drawn until they
 * name nothing yet. */
#include "hark/file.h"
#include "hark/files.h"
#include "hark/os.h"

#include <errno.h>
#include <string.h>

enum { TRIES_MAX = 100, LETTERS = 6, MODE = 0700 };

static void try_name(struct hark_mkdtemp *making);

static struct hark_mkdtemp *of_op(struct hark_op *op)
{
    return hark_container_of(op, struct hark_mkdtemp, op);
}

static void made(struct hark_op *op, int64_t result)
{
    struct hark_mkdtemp *making = of_op(op);
    if (result == -EEXIST && ++making->tries < TRIES_MAX)
        return try_name(making);
    making->done(making, (int)result);
}

static void refused(struct hark_op *op, int64_t result)
{
    struct hark_mkdtemp *making = of_op(op);
    making->done(making, result < 0 ? (int)result : making->error);
}

static void refuse(struct hark_mkdtemp *making, int error)
{
    making->error = error;
    hark_defer(making->loop, &making->op, refused);
}

static void try_name(struct hark_mkdtemp *making)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char *at = making->path + strlen(making->path) - LETTERS;
    uint64_t number = 0;
    int error = hark_os_random(making->loop, &number, sizeof number);
    if (error)
        return refuse(making, error);
    for (int i = 0; i < LETTERS; i++, number /= sizeof letters - 1)
        at[i] = letters[number % (sizeof letters - 1)];
    hark_mkdirat(making->loop, &making->op, making->directory, making->path, MODE, made);
}

void hark_mkdtemp_start(struct hark_loop *loop, struct hark_mkdtemp *making, int directory,
                        char *path, hark_mkdtemp_done *done)
{
    static const char wanted[] = "XXXXXX";
    size_t length = strlen(path);
    making->loop = loop;
    making->done = done;
    making->directory = directory;
    making->path = path;
    making->tries = 0;
    if (length < LETTERS || strcmp(path + length - LETTERS, wanted) != 0)
        return refuse(making, -EINVAL);
    try_name(making);
}
