/* faults.c - see the header. Each error is one that the manual page of its call names; what a sync
 * that fails leaves is pages_fail's. */
#include "sim/world/faults.h"
#include "sim/disk/inode.h"
#include "sim/disk/opened.h"
#include "sim/disk/pages.h"
#include "sim/disk/power.h"
#include "sim/disk/walk.h"
#include "sim/file/descriptors.h"
#include "sim/net/socket.h"
#include "sim/world/luck.h"
#include "sim/world/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { SHORT_PER_MILLION = 2000, MEMORY_PER_MILLION = 20, END_WITHIN_NS = 20000000 };

struct script {
    struct script *next;
    struct hark_sim_fault fault;
    char *call, *path;
    uint32_t seen, done;
    bool fails_next; /* the bytes before the error have been moved */
};

/* What a call is about. */
struct question {
    struct process *process;
    const char *call;
    struct file *file;
    const char *path; /* NULL: none is known */
    size_t *bytes;
};

/* --- names --- */

static bool is_move(const char *call, const char *kind)
{
    size_t length = strlen(kind);
    call += *call == 'p';
    if (strncmp(call, kind, length) != 0)
        return false;
    call += length;
    return !*call || strcmp(call, "v") == 0 || strcmp(call, "v2") == 0;
}

static bool is_sync(const char *call)
{
    return strcmp(call, "fsync") == 0 || strcmp(call, "fdatasync") == 0;
}

static bool is_change(const char *call)
{
    static const char *const changes[] = {"openat",   "ftruncate",  "fallocate",       "renameat2",
                                          "unlinkat", "mkdirat",    "copy_file_range", "symlinkat",
                                          "linkat",   "fchmodat",   "fchownat",        "utimensat",
                                          "setxattr", "removexattr"};
    bool found = is_sync(call) || is_move(call, "write");
    for (size_t i = 0; !found && i < sizeof changes / sizeof *changes; i++)
        found = strcmp(call, changes[i]) == 0;
    return found;
}

/* Those that one manual page describes. */
static const char *const pages[][4] = {
    {"accept", "accept4"},
    {"send", "sendto", "sendmsg"},
    {"recv", "recvfrom", "recvmsg"},
};

static bool is_on(const char *const page[4], const char *call)
{
    for (size_t i = 0; i < 4 && page[i]; i++)
        if (strcmp(page[i], call) == 0)
            return true;
    return false;
}

/* Whether a call is of the kind that a name stands for. */
static bool is_call(const char *call, const char *named)
{
    if (strcmp(named, "change") == 0)
        return is_change(call);
    if (is_move(named, "read"))
        return is_move(call, "read");
    if (is_move(named, "write"))
        return is_move(call, "write");
    if (strcmp(named, "sync") == 0)
        return is_sync(call);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (is_on(pages[i], named))
            return is_on(pages[i], call);
    return strcmp(call, named) == 0;
}

static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), wanted = strlen(end);
    if (length < wanted || strcmp(path + length - wanted, end) != 0)
        return false;
    return length == wanted || *end == '/' || path[length - wanted - 1] == '/';
}

/* Whether a file is in the directory whose path ends so, a slash behind it. */
static bool is_in(const char *path, const char *directory)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash + 1 - path) : 0;
    snprintf(parent, sizeof parent, "%.*s", length, path);
    return ends_with(parent, directory);
}

static bool is_meant(const char *path, const char *named)
{
    size_t length = strlen(named);
    return length > 1 && named[length - 1] == '/' ? is_in(path, named) : ends_with(path, named);
}

/* --- by script --- */

static bool concerns(const struct script *script, const struct question *question)
{
    const struct hark_sim_fault *fault = &script->fault;
    if (script->call ? !is_call(question->call, script->call) : !question->path)
        return false;
    if (script->path && (!question->path || !is_meant(question->path, script->path)))
        return false;
    if (fault->machine &&
        (!question->process || (struct machine *)fault->machine != question->process->machine))
        return false;
    return !fault->process || (struct process *)fault->process == question->process;
}

/* Its turn among those that it concerns. */
static bool is_due(struct script *script)
{
    uint32_t times = script->fault.times ? script->fault.times : 1;
    if (script->seen < script->fault.after) {
        script->seen++;
        return false;
    }
    if (script->done == times)
        return false;
    if (times != UINT32_MAX)
        script->done++;
    return true;
}

static void power_fails(struct event *event)
{
    power_off(hark_container_of(event, struct machine, power_fails));
}

static void is_killed(struct event *event)
{
    process_end(hark_container_of(event, struct process, is_killed), 128 + SIGKILL);
}

/* At once only if it is the process itself that asks: nothing of it is at work then. Does not
 * return where that was the end of it. */
static void end_soon(struct event *event, const struct process *process, uint64_t within_ns)
{
    bool itself = world->thread && world->thread->process == process;
    if (within_ns == 1 && itself)
        return event->happen(event);
    if (within_ns == 0)
        within_ns = END_WITHIN_NS;
    events_set(&world->events, event,
               world->now_ns + chance_delay(&world->chance, 0, within_ns - 1));
}

static void end_by_script(const struct hark_sim_fault *fault, struct process *process)
{
    process->machine->power_fails.happen = power_fails;
    process->is_killed.happen = is_killed;
    if (fault->power_off)
        end_soon(&process->machine->power_fails, process, fault->within_ns);
    if (fault->kill)
        end_soon(&process->is_killed, process, fault->within_ns);
}

/* A file's sync fails by its pages. */
static int fail(const struct question *question, int error)
{
    struct opened *opened = question->file ? opened_of(question->file) : NULL;
    if (opened && is_sync(question->call) && S_ISREG(opened->inode->mode)) {
        luck_count(HARK_SIM_FAULT_SYNC);
        pages_fail(opened->inode, error);
        return 0;
    }
    luck_count(HARK_SIM_FAULT_ERROR);
    return error;
}

static bool has_borders(const struct file *file)
{
    return file && (file->kind->is_socket ? !socket_is_stream(file) : file->kind->has_borders);
}

static void shorten(const struct question *question, uint64_t most)
{
    if (!question->bytes || *question->bytes <= most || has_borders(question->file))
        return;
    luck_count(HARK_SIM_FAULT_SHORT);
    *question->bytes = (size_t)most;
}

static int happen(struct script *script, const struct question *question)
{
    const struct hark_sim_fault *fault = &script->fault;
    if (question->process)
        end_by_script(fault, question->process);
    if (fault->short_to && !script->fails_next) {
        script->fails_next = fault->error != 0;
        script->done -= script->fails_next && fault->times != UINT32_MAX;
        shorten(question, fault->short_to);
        return 0;
    }
    script->fails_next = false;
    return fault->error ? fail(question, fault->error) : 0;
}

/* Gives: whether one was due. */
static bool by_script(const struct question *question, int *out_error)
{
    for (struct script *script = world->scripts; script; script = script->next) {
        if (!concerns(script, question) || !is_due(script))
            continue;
        *out_error = happen(script, question);
        return true;
    }
    return false;
}

/* --- by chance --- */

struct likely_error {
    const char *call;
    int error;
    uint32_t per_million;
};

static const struct likely_error of_files[] = {
    {"read", -EIO, 50},
    {"write", -EIO, 20},
    {"write", -ENOSPC, 60},
    {"write", -EDQUOT, 20},
    {"sync", -EIO, 300},
    {"sync", -ENOSPC, 60},
    {"sync", -EDQUOT, 20},
    {"ftruncate", -EIO, 20},
    {"fallocate", -ENOSPC, 100},
    {"fallocate", -EDQUOT, 20},
    {"getdents64", -EIO, 20},
    {"copy_file_range", -EIO, 50},
    {"copy_file_range", -ENOSPC, 60},
    {"close", -EIO, 20},
};

/* What is read from a socket is received, what is written is sent (recv(2), send(2)). */
static const struct likely_error of_sockets[] = {
    {"accept", -EMFILE, 50}, {"accept", -ENFILE, 20}, {"accept", -ENOBUFS, 20},
    {"accept", -ENOMEM, 20}, {"accept", -EPROTO, 20}, {"connect", -EACCES, 20},
    {"connect", -EPERM, 20}, {"send", -ENOBUFS, 20},  {"send", -ENOMEM, 20},
    {"write", -ENOBUFS, 20}, {"write", -ENOMEM, 20},  {"recv", -ENOMEM, 20},
    {"read", -ENOMEM, 20},
};

static const struct likely_error of_others[] = {
    {"openat", -EMFILE, 50},
    {"openat", -ENFILE, 20},
    {"openat", -ENOMEM, 20},
    {"openat", -EIO, 20},
    {"fstatat", -EIO, 20},
    {"statx", -EIO, 20},
    {"renameat2", -ENOSPC, 50},
    {"renameat2", -EIO, 20},
    {"unlinkat", -EIO, 20},
    {"mkdirat", -ENOSPC, 50},
    {"mkdirat", -EDQUOT, 20},
    {"symlinkat", -ENOSPC, 50},
    {"symlinkat", -EDQUOT, 20},
    {"linkat", -ENOSPC, 50},
    {"linkat", -EMLINK, 20},
    {"readlinkat", -EIO, 20},
    {"fchmodat", -EIO, 20},
    {"fchownat", -EIO, 20},
    {"fchownat", -EDQUOT, 20},
    {"utimensat", -EIO, 20},
    {"setxattr", -ENOSPC, 50},
    {"setxattr", -EDQUOT, 20},
    {"getxattr", -EIO, 20},
    {"listxattr", -EIO, 20},
    {"removexattr", -EIO, 20},
    {"eventfd", -EMFILE, 50},
    {"epoll_create1", -EMFILE, 50},
    {"epoll_ctl", -ENOMEM, 20},
    {"epoll_ctl", -ENOSPC, 20},
    {"poll", -ENOMEM, 20},
    {"pipe2", -EMFILE, 50},
    {"pipe2", -ENFILE, 20},
    {"socketpair", -EMFILE, 50},
    {"socketpair", -ENFILE, 20},
    {"memfd_create", -EMFILE, 50},
    {"inotify_init1", -EMFILE, 50},
    {"inotify_add_watch", -ENOSPC, 100},
    {"inotify_add_watch", -ENOMEM, 20},
    {"socket", -EMFILE, 50},
    {"socket", -ENFILE, 20},
    {"io_uring_setup", -ENOMEM, 200},
    {"mmap", -ENOMEM, 50},
    {"thread_start", -EAGAIN, 200},
    {"flock", -ENOLCK, 50},
};

static enum hark_sim_fault_kind kind_of(const char *call)
{
    return is_sync(call) ? HARK_SIM_FAULT_SYNC : HARK_SIM_FAULT_ERROR;
}

static int from_table(const struct question *question, const struct likely_error *table,
                      size_t count)
{
    for (size_t i = 0; world->errs && i < count; i++)
        if (is_call(question->call, table[i].call) &&
            luck_errs(kind_of(question->call), table[i].per_million))
            return fail(question, table[i].error);
    return 0;
}

static int by_chance(const struct question *question)
{
    if (!question->file)
        return from_table(question, of_others, sizeof of_others / sizeof *of_others);
    if (question->file->kind->is_socket) {
        int error = from_table(question, of_sockets, sizeof of_sockets / sizeof *of_sockets);
        if (error)
            return error;
    }
    if (!question->file->kind->is_regular)
        return from_table(question, of_others, sizeof of_others / sizeof *of_others);
    size_t *bytes = question->bytes;
    if (bytes && *bytes > 1 && luck_fails(HARK_SIM_FAULT_SHORT, SHORT_PER_MILLION))
        shorten(question, chance_between(&world->chance, 1, *bytes - 1));
    return from_table(question, of_files, sizeof of_files / sizeof *of_files);
}

/* --- asking --- */

static int answer(const struct question *question)
{
    int error = 0;
    return by_script(question, &error) ? error : by_chance(question);
}

int faults_of(struct process *process, const char *call, struct file *file, size_t *bytes)
{
    char path[PATH_MAX];
    struct opened *opened = file && world->scripts ? opened_of(file) : NULL;
    struct question question = {.process = process, .call = call, .file = file, .bytes = bytes};
    if (opened) {
        inode_path(opened->inode, path, sizeof path);
        question.path = path;
    }
    return answer(&question);
}

int faults_of_path(struct process *process, const char *call, int directory, const char *path)
{
    char whole[2 * PATH_MAX] = "/";
    struct file *file = descriptors_find(&process->descriptors, directory);
    struct opened *opened = file ? opened_of(file) : NULL;
    struct question question = {.process = process, .call = call, .path = whole};
    if (!walk_can_read(path))
        return -EFAULT;
    if (world->scripts && opened && *path != '/')
        inode_path(opened->inode, whole, PATH_MAX);
    size_t length = strlen(whole);
    snprintf(whole + length, sizeof whole - length, "%s%s", length > 1 && *path ? "/" : "",
             path + (*path == '/'));
    return answer(&question);
}

static bool memory_lacks(void)
{
    struct question question = {.process = process_current(), .call = "malloc"};
    int error = 0;
    bool lacks = by_script(&question, &error)
                     ? error != 0
                     : luck_errs(HARK_SIM_FAULT_MEMORY, MEMORY_PER_MILLION);
    if (lacks)
        luck_count(HARK_SIM_FAULT_MEMORY);
    return lacks;
}

/* --- scripts --- */

static char *copy_of(const char *text)
{
    char *copy = text ? memory_own(strlen(text) + 1) : NULL;
    if (copy)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

void hark_sim_add_fault(struct hark_sim *in, const struct hark_sim_fault *fault)
{
    struct script *script = memory_own(sizeof *script);
    script->fault = *fault;
    script->call = copy_of(fault->call);
    script->path = copy_of(fault->path);
    struct script **at = &in->scripts;
    while (*at)
        at = &(*at)->next;
    *at = script;
}

void faults_begin(void)
{
    memory_ask(memory_lacks);
}

void faults_done(void)
{
    struct script *script;
    memory_ask(NULL);
    while ((script = world->scripts)) {
        world->scripts = script->next;
        memory_own_free(script->call);
        memory_own_free(script->path);
        memory_own_free(script);
    }
}
