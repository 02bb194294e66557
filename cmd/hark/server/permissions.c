/* permissions.c - rules out of files, for all workers. What must hold: those of before live until
 * the last worker has taken the new ones.
 */
#include "server/permissions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/say.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, PIECE_BYTES = 64 * 1024, NS_PER_SECOND = 1000000000 };

static struct worker *owner_of(const struct permissions *permissions)
{
    return workers_owner(permissions->workers);
}

/* --- the file --- */

/* Gives: 0 and the caller's *out_text; a negative errno. */
static int read_all(int fd, char **out_text, size_t *out_count)
{
    char *text = NULL;
    size_t count = 0;
    for (;;) {
        char *larger = realloc(text, count + PIECE_BYTES);
        int64_t got = -ENOMEM;
        if (larger) {
            text = larger;
            got = hark_os_read(fd, text + count, PIECE_BYTES);
        }
        if (got > 0 && count + (size_t)got > FILE_BYTES_MAX)
            got = -EFBIG;
        if (got <= 0) {
            *out_text = text;
            *out_count = count;
            return (int)got;
        }
        count += (size_t)got;
    }
}

static int read_file(const char *path, char **out_text, size_t *out_count)
{
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    int error = read_all(fd, out_text, out_count);
    hark_os_close_unknown(fd);
    return error;
}

/* A file that rules name, beside theirs unless its path begins with a slash. */
static int read_beside(const char *rules, const char *name, char **out_text, size_t *out_count)
{
    const char *slash = *name == '/' ? NULL : strrchr(rules, '/');
    char *path = NULL;
    if (asprintf(&path, "%.*s%s", slash ? (int)(slash - rules) + 1 : 0, rules, name) < 0)
        return -ENOMEM;
    int error = read_file(path, out_text, out_count);
    free(path);
    return error;
}

/* Gives: 0; else permissions->why. */
static int read_keys(struct permissions *permissions, size_t which, const char *name)
{
    struct keys_fault fault = {0};
    char *text = NULL;
    size_t count = 0;
    int error = read_beside(permissions->workers->options->tokens, name, &text, &count);
    if (error == 0)
        error = access_rules_keys_take(permissions->fresh, which, text, count, &fault);
    if (error < 0 && fault.reason && fault.key != 0)
        snprintf(permissions->why, sizeof permissions->why, "%s, key %u: %s", name, fault.key,
                 fault.reason);
    else if (error < 0)
        snprintf(permissions->why, sizeof permissions->why, "%s: %s", name,
                 fault.reason ? fault.reason : hark_error_text(-error));
    if (text)
        explicit_bzero(text, count);
    free(text);
    return error;
}

static int read_all_keys(struct permissions *permissions)
{
    int error = 0;
    const char *name;
    for (size_t i = 0; error == 0 && (name = access_rules_keys_file(permissions->fresh, i)); i++)
        error = read_keys(permissions, i, name);
    if (error < 0) {
        access_rules_destroy(permissions->fresh);
        permissions->fresh = NULL;
    }
    return error;
}

/* Gives: 0 and permissions->fresh; else permissions->why. */
static int make(struct permissions *permissions)
{
    const char *path = permissions->workers->options->tokens;
    struct access_fault fault = {0};
    char *text = NULL;
    size_t count = 0;
    int error = read_file(path, &text, &count);
    if (error == 0)
        error = access_rules_parse(text, count, &permissions->fresh, &fault);
    if (error < 0 && fault.reason && fault.line != 0)
        snprintf(permissions->why, sizeof permissions->why, "%s, line %u: %s", path, fault.line,
                 fault.reason);
    else if (error < 0)
        snprintf(permissions->why, sizeof permissions->why, "%s: %s", path,
                 fault.reason ? fault.reason : hark_error_text(-error));
    if (text)
        explicit_bzero(text, count);
    free(text);
    return error < 0 ? error : read_all_keys(permissions);
}

/* --- the start --- */

static int say_refused(int error)
{
    if (error == -ENOTSUP)
        say("--tokens: this hark was built without OpenSSL, which it needs (build it with OpenSSL "
            "3: meson -Dtls=enabled)");
    else
        say("cannot begin: %s", why(error));
    return EXIT_REFUSED;
}

int permissions_open(struct permissions *permissions, struct workers *workers)
{
    unsigned char key[DIGEST_BYTES];
    permissions->workers = workers;
    if (!workers->options->tokens)
        return EXIT_DONE;
    int error = hark_os_random(owner_of(permissions)->loop, key, sizeof key);
    for (uint32_t i = 0; i < workers->count && error == 0; i++) {
        error = access_init(&workers->all[i].worker.access, key);
        workers->all[i].worker.access.skew = workers->options->clock_skew_ns / NS_PER_SECOND;
    }
    explicit_bzero(key, sizeof key);
    if (error < 0)
        return say_refused(error);
    if (make(permissions) < 0) {
        say("%s", permissions->why);
        return EXIT_REFUSED;
    }
    permissions->rules = permissions->fresh;
    permissions->fresh = NULL;
    for (uint32_t i = 0; i < workers->count; i++)
        workers->all[i].worker.access.rules = permissions->rules;
    return EXIT_DONE;
}

/* --- reloading --- */

static struct permissions *permissions_of(struct reload *reload)
{
    return hark_container_of(reload, struct permissions, reload);
}

static void begin(struct reload *reload)
{
    permissions_of(reload)->why[0] = '\0';
}

static int read_anew(struct reload *reload)
{
    return make(permissions_of(reload));
}

/* The connections of a worker may go, one by one, while they are walked. */
static void take(struct reload *reload, struct server_worker *own)
{
    struct worker *worker = &own->worker;
    struct list *place = worker->connections.next;
    worker->access.rules = permissions_of(reload)->fresh;
    worker->access.edition++;
    while (place != &worker->connections) {
        struct connection *connection = hark_container_of(place, struct connection, place);
        place = place->next;
        connection->kind->rules_changed(connection);
    }
}

static void taken(struct reload *reload)
{
    struct permissions *permissions = permissions_of(reload);
    struct access_rules *former = permissions->rules;
    permissions->rules = permissions->fresh;
    permissions->fresh = NULL;
    access_rules_destroy(former);
    owner_of(permissions)->counters.rules_reloads++;
    if (!permissions->workers->options->quiet)
        say_at(SAY_NOTE, "the rules of %s hold from now on", permissions->workers->options->tokens);
}

static void failed(struct reload *reload, int error)
{
    struct permissions *permissions = permissions_of(reload);
    owner_of(permissions)->counters.rules_reload_failures++;
    say("the rules could not be read anew, those of before stay: %s",
        *permissions->why ? permissions->why : why(error));
}

static void dropped(struct reload *reload)
{
    struct permissions *permissions = permissions_of(reload);
    access_rules_destroy(permissions->fresh);
    permissions->fresh = NULL;
}

void permissions_watch(struct permissions *permissions)
{
    static const struct reload_kind kind = {
        .part_at = offsetof(struct server_worker, other_rules),
        .begin = begin,
        .read = read_anew,
        .take = take,
        .taken = taken,
        .failed = failed,
        .dropped = dropped,
    };
    if (permissions->workers->options->tokens)
        reload_watch(&permissions->reload, &kind, permissions->workers);
}

void permissions_close(struct permissions *permissions)
{
    reload_close(&permissions->reload);
}

void permissions_done(struct permissions *permissions)
{
    access_rules_destroy(permissions->rules);
    access_rules_destroy(permissions->fresh);
}
