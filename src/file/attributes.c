/* attributes.c - see the header. One that fails keeps none of the others back. */
#include "file/attributes.h"
#include "hark/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct attributes *of_op(struct hark_op *op)
{
    return hark_container_of(op, struct attributes, op);
}

static const char *name_of(const struct attributes *attributes)
{
    return attributes->names + attributes->at;
}

static void note(struct attributes *attributes, int64_t result)
{
    if (result < 0 && !attributes->error)
        attributes->error = (int)result;
}

static void give_next(struct attributes *attributes);

static void done_with_one(struct attributes *attributes)
{
    attributes->at += strlen(name_of(attributes)) + 1;
    give_next(attributes);
}

/* Whether it was stopped: then nothing more is done. */
static bool is_over(struct attributes *attributes, int64_t result)
{
    bool over = result == -ECANCELED || attributes->cancelled;
    if (over)
        attributes->done(attributes, -ECANCELED);
    return over;
}

/* Some namespaces are not for everybody, nor for every file system. */
static bool is_left_out(const struct attributes *attributes, int64_t result)
{
    bool is_refused = result == -EPERM || result == -EACCES || result == -EOPNOTSUPP;
    return is_refused && strncmp(name_of(attributes), "user.", strlen("user.")) != 0;
}

static void was_set(struct hark_op *op, int64_t result)
{
    struct attributes *attributes = of_op(op);
    if (is_over(attributes, result))
        return;
    if (!is_left_out(attributes, result))
        note(attributes, result);
    done_with_one(attributes);
}

/* One that has gone meanwhile was not there. */
static void was_got(struct hark_op *op, int64_t result)
{
    struct attributes *attributes = of_op(op);
    if (is_over(attributes, result))
        return;
    if (result >= 0)
        return hark_setxattrat(attributes->loop, op, attributes->to.directory, attributes->to.path,
                               name_of(attributes), attributes->value, (size_t)result,
                               attributes->to.flags, was_set);
    if (result != -ENODATA && result != -ENOENT && !is_left_out(attributes, result))
        note(attributes, result);
    done_with_one(attributes);
}

static void give_next(struct attributes *attributes)
{
    if (attributes->at >= attributes->filled)
        return attributes->done(attributes, attributes->error);
    hark_getxattrat(attributes->loop, &attributes->op, attributes->from.directory,
                    attributes->from.path, name_of(attributes), attributes->value,
                    sizeof attributes->value, attributes->from.flags, was_got);
}

static void were_listed(struct hark_op *op, int64_t result)
{
    struct attributes *attributes = of_op(op);
    if (is_over(attributes, result))
        return;
    if (result != -EOPNOTSUPP && result != -ENOENT)
        note(attributes, result);
    attributes->filled = result > 0 ? (size_t)result : 0;
    give_next(attributes);
}

void attributes_give(struct hark_loop *loop, struct attributes *attributes, struct file_place from,
                     struct file_place to, void (*done)(struct attributes *attributes, int error))
{
    attributes->loop = loop;
    attributes->done = done;
    attributes->from = from;
    attributes->to = to;
    attributes->error = 0;
    attributes->cancelled = false;
    attributes->at = attributes->filled = 0;
    hark_listxattrat(loop, &attributes->op, from.directory, from.path, attributes->names,
                     sizeof attributes->names, from.flags, were_listed);
}

void attributes_cancel(struct attributes *attributes)
{
    attributes->cancelled = true;
    hark_cancel(&attributes->op);
}
