/* confine.c - which files the server needs once it runs, and what is said where the kernel lacks
 * a part of the sandbox.
 *
 * What is read anew while it runs has its directory allowed, not the file: certificates, keys and
 * rules are replaced by others of the same name. Files that are followed have the directory above
 * that as well, since programs that write logs make theirs anew. What lies elsewhere, by a link
 * that is to come, is named by --sandbox-read.
 */
#include "server/confine.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "sandbox/calls.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"

enum { DATA_MODE = 0750 };

struct place {
    const char *path;
    unsigned use;
};

/* Whatever it is told: libraries that are loaded late, OpenSSL's and libcurl's files, the names of
 * threads, descriptors in reserve, and what a trace says of its clock. */
static const struct place always[] = {
    {"/dev/null", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/dev/urandom", LANDLOCK_READ},
    {"/dev/random", LANDLOCK_READ},
    {"/etc/ca-certificates", LANDLOCK_READ},
    {"/etc/crypto-policies", LANDLOCK_READ},
    {"/etc/ld.so.cache", LANDLOCK_READ},
    {"/etc/pki", LANDLOCK_READ},
    {"/etc/ssl", LANDLOCK_READ},
    {"/lib", LANDLOCK_READ},
    {"/lib64", LANDLOCK_READ},
    {"/proc/self", LANDLOCK_READ},
    {"/proc/self/task", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/proc/sys/vm/overcommit_memory", LANDLOCK_READ},
    {"/sys/devices/system/clocksource", LANDLOCK_READ},
    {"/sys/devices/system/cpu", LANDLOCK_READ},
    {"/usr/lib", LANDLOCK_READ},
    {"/usr/lib64", LANDLOCK_READ},
    {"/usr/local/lib", LANDLOCK_READ},
    {"/usr/local/share/ca-certificates", LANDLOCK_READ},
    {"/usr/share/ca-certificates", LANDLOCK_READ},
};

/* Where webhooks go is looked up, by files that others replace. */
static const struct place names[] = {
    {"/etc", LANDLOCK_READ},
    {"/run/NetworkManager", LANDLOCK_READ},
    {"/run/nscd", LANDLOCK_READ | LANDLOCK_WRITE},
    {"/run/resolvconf", LANDLOCK_READ},
    {"/run/systemd/resolve", LANDLOCK_READ},
};

static bool has_webhooks(const struct serve_options *options)
{
    return options->subscriptions.reach != TARGET_NONE;
}

static void allow_places(struct landlock *landlock, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)landlock_allow(landlock, places[i].path, places[i].use);
}

static void allow_system(struct landlock *landlock, const struct serve_options *options)
{
    const char *trace = hark_os_getenv("HARK_TRACE");
    allow_places(landlock, always, sizeof always / sizeof *always);
    if (has_webhooks(options)) {
        allow_places(landlock, names, sizeof names / sizeof *names);
        landlock_allow_around(landlock, "/etc/resolv.conf", LANDLOCK_READ);
    }
    if (trace && *trace)
        (void)landlock_allow(landlock, trace, LANDLOCK_KEEP);
}

static void allow_around(struct landlock *landlock, const char *path)
{
    if (path)
        landlock_allow_around(landlock, path, LANDLOCK_READ);
}

/* Gives: 0; what refuses the data directory: the log will say that best; or a --sandbox-read that
 * is not there. */
static int allow_options(struct landlock *landlock, const struct serve_options *options,
                         const char **out_path)
{
    allow_around(landlock, options->tls.certificate);
    allow_around(landlock, options->tls.key);
    allow_around(landlock, options->tls.client_ca);
    allow_around(landlock, options->tokens);
    for (size_t i = 0; i < options->tails_count; i++)
        landlock_allow_above(landlock, options->tails[i].path, LANDLOCK_READ);
    for (size_t i = 0; i < options->sandbox_reads_count; i++) {
        *out_path = options->sandbox_reads[i];
        int error = landlock_allow(landlock, *out_path, LANDLOCK_READ);
        if (error < 0)
            return error;
    }
    *out_path = options->data;
    int error = landlock_make_directory(options->data, DATA_MODE);
    if (error == 0)
        error = landlock_allow(landlock, options->data, LANDLOCK_KEEP);
    /* Its log syncs the directory above. */
    landlock_allow_around(landlock, options->data, LANDLOCK_LIST);
    return error;
}

static uint16_t port_of(const struct hark_address *address)
{
    return ntohs(address->name.any.sa_family == AF_INET6 ? address->name.ip6.sin6_port
                                                         : address->name.ip4.sin_port);
}

static int allow_listeners(struct landlock *landlock, const struct listeners *listeners)
{
    int error = 0;
    for (const struct listener *one = listeners->all;
         one < listeners->all + listeners->count && error == 0; one++) {
        const struct hark_address *address = &one->address;
        if (one->inherited)
            continue; /* it listens already */
        if (address->name.any.sa_family != AF_UNIX)
            error = landlock_allow_port(landlock, port_of(address));
        else if (address->name.unix_path.sun_path[0] != '\0')
            landlock_allow_around(landlock, address->name.unix_path.sun_path, LANDLOCK_SOCKETS);
    }
    return error;
}

/* --- rings --- */

/* Requests on a ring are no system calls: no filter sees them. What another part of the server
 * starts stands here as well, else the kernel refuses it with EACCES. */
uint64_t confine_kinds(const struct serve_options *options)
{
    static const enum hark_op_code used[] = {
        HARK_OP_ACCEPT,    HARK_OP_ACCEPT_EACH, HARK_OP_CONNECT, HARK_OP_RECV,
        HARK_OP_RECV_EACH, HARK_OP_SEND,        HARK_OP_SENDMSG, HARK_OP_SHUTDOWN,
        HARK_OP_READ,      HARK_OP_READV,       HARK_OP_WRITE,   HARK_OP_WRITEV,
        HARK_OP_OPENAT,    HARK_OP_CLOSE,       HARK_OP_FSYNC,   HARK_OP_FDATASYNC,
        HARK_OP_FTRUNCATE, HARK_OP_FALLOCATE,   HARK_OP_STATX,   HARK_OP_RENAMEAT,
        HARK_OP_UNLINKAT,  HARK_OP_MKDIRAT,     HARK_OP_POLL,    HARK_OP_POLL_EACH,
    };
    uint64_t kinds = 0;
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        kinds |= UINT64_C(1) << used[i];
    return options->sandbox == SANDBOX_OFF ? 0 : kinds;
}

/* --- what is said --- */

static const char *reason(int error)
{
    switch (-error) {
    case ENOSYS:
        return "this kernel has none";
    case EOPNOTSUPP:
        return "it is switched off, or left out of this hark";
    default:
        return why(error);
    }
}

/* Gives: the exit code that this means. */
static int say_lack(const struct serve_options *options, const char *part, int error)
{
    if (options->sandbox == SANDBOX_REQUIRED) {
        say("the sandbox lacks its %s: %s (--sandbox on goes without what is lacking)", part,
            reason(error));
        return EXIT_REFUSED;
    }
    if (!options->quiet)
        say_at(SAY_WARNING, "the sandbox is without its %s: %s", part, reason(error));
    return EXIT_DONE;
}

/* --- entering --- */

static int enter_files(struct confinement *confinement, struct landlock *landlock,
                       const struct serve_options *options, const struct listeners *listeners)
{
    const char *path;
    allow_system(landlock, options);
    int error = allow_options(landlock, options, &path);
    if (error < 0 && path != options->data) {
        say("--sandbox-read %s: %s", path, why(error));
        return EXIT_REFUSED;
    }
    if (error < 0)
        return EXIT_DONE; /* the server does not start: the log says why */
    error = allow_listeners(landlock, listeners);
    if (error == 0)
        error = landlock_enter(landlock);
    if (error < 0)
        return say_lack(options, "list of files (Landlock)", error);
    confinement->version = landlock->version;
    return EXIT_DONE;
}

int confine_files(struct confinement *confinement, const struct serve_options *options,
                  const struct listeners *listeners)
{
    struct landlock landlock;
    const char *manager = hark_os_getenv("NOTIFY_SOCKET");
    if (options->sandbox == SANDBOX_OFF)
        return EXIT_DONE;
    int error = privileges_renounce();
    if (error < 0)
        return say_lack(options, "renouncing of privileges", error);
    error = landlock_begin(&landlock, has_webhooks(options), manager && *manager == '@');
    if (error < 0)
        return say_lack(options, "list of files (Landlock)", error);
    int code = enter_files(confinement, &landlock, options, listeners);
    landlock_done(&landlock);
    return code;
}

int confine_calls(const struct confinement *confinement, const struct serve_options *options)
{
    char files[48] = "";
    if (options->sandbox == SANDBOX_OFF)
        return EXIT_DONE;
    int error = calls_restrict();
    if (error < 0)
        return say_lack(options, "filter of system calls (seccomp)", error);
    if (confinement->version)
        snprintf(files, sizeof files, ", files by Landlock (version %d)", confinement->version);
    if (!options->quiet)
        say_at(SAY_NOTE, "sandbox: no new privileges%s, system calls by seccomp", files);
    return EXIT_DONE;
}
