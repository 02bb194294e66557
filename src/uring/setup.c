/* setup.c - opening the ring: the ladder of features, each probed, each with a rung below it, and
 * what refuses io_uring as a whole. */
#include "uring/setup.h"
#include "uring/buffer_ring.h"
#include "uring/restrict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- switches --- */

/* HARK_URING_WITHOUT: names of features with commas, or "all". */
static bool is_switched_off(const char *name)
{
    const char *list = kernel_getenv("HARK_URING_WITHOUT");
    size_t length = strlen(name);
    while (list && *list) {
        size_t item = strcspn(list, ",");
        if ((item == length && strncmp(list, name, length) == 0) ||
            (item == 3 && strncmp(list, "all", 3) == 0))
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}

static void name_features(struct uring *uring)
{
    static const struct hark_feature known[URING_FEATURE_COUNT] = {
#define FEATURE_ROW(code, name_, kernel_, instead_)                                                \
    [URING_##code] = {.name = #name_, .kernel = kernel_, .instead = instead_},
        URING_FEATURES(FEATURE_ROW)
#undef FEATURE_ROW
    };
    memcpy(uring->features, known, sizeof known);
}

static void use(struct uring *uring, enum uring_feature feature, bool available)
{
    uring->features[feature].used = available && !is_switched_off(uring->features[feature].name);
}

/* --- the ring --- */

static int try_open(struct uring *uring, const struct hark_options *options, unsigned flags)
{
    const unsigned always = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED;
    return ring_open(&uring->ring, options->entries, options->completions, flags | always);
}

/* From the best set of flags downwards. A kernel that does not know a flag answers EINVAL; anything
 * else is a refusal. */
static int open_ring(struct uring *uring, const struct hark_options *options)
{
    use(uring, URING_NO_SQARRAY, true);
    use(uring, URING_DEFER_TASKRUN, true);
    use(uring, URING_COOP_TASKRUN, true);
    for (;;) {
        unsigned flags = 0;
        if (uring_uses(uring, URING_NO_SQARRAY))
            flags |= RING_SETUP_NO_SQARRAY;
        if (uring_uses(uring, URING_DEFER_TASKRUN))
            flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        if (uring_uses(uring, URING_COOP_TASKRUN))
            flags |= IORING_SETUP_COOP_TASKRUN;
        int error = try_open(uring, options, flags);
        if (error != -EINVAL)
            return error;
        if (uring_uses(uring, URING_NO_SQARRAY))
            use(uring, URING_NO_SQARRAY, false);
        else if (uring_uses(uring, URING_DEFER_TASKRUN))
            use(uring, URING_DEFER_TASKRUN, false);
        else if (uring_uses(uring, URING_COOP_TASKRUN))
            use(uring, URING_COOP_TASKRUN, false);
        else
            return error;
    }
}

/* Set-up and enter can be refused apart from each other. A ring that is not enabled yet answers
 * that it is in a bad state: so the call reaches it. */
static int try_enter(struct ring *ring)
{
    int error;
    do
        error = ring_enter(ring, NULL, 0);
    while (error == -EINTR);
    return error == -EBADFD ? 0 : error ? error : -EOPNOTSUPP;
}

/* --- what the kernel can do --- */

static int probe(struct uring *uring, bool supported[RING_OPCODES])
{
    struct {
        struct io_uring_probe head;
        struct io_uring_probe_op ops[RING_OPCODES];
    } answer;
    memset(&answer, 0, sizeof answer);
    int error = ring_register(&uring->ring, IORING_REGISTER_PROBE, &answer, RING_OPCODES);
    if (error)
        return error;
    const struct io_uring_probe_op *ops = answer.ops;
    for (unsigned i = 0; i < RING_OPCODES; i++)
        supported[i] = i < answer.head.ops_len && ops[i].flags & IO_URING_OP_SUPPORTED;
    return 0;
}

/* IORING_OP_SOCKET came with Linux 5.19, as did buffer rings and repeating accepts: nothing older
 * is used. */
static int require_opcodes(const bool supported[RING_OPCODES])
{
    static const uint8_t needed[] = {
        IORING_OP_NOP,       IORING_OP_ACCEPT,    IORING_OP_CONNECT,      IORING_OP_RECV,
        IORING_OP_SEND,      IORING_OP_RECVMSG,   IORING_OP_SENDMSG,      IORING_OP_SHUTDOWN,
        IORING_OP_SOCKET,    IORING_OP_READ,      IORING_OP_WRITE,        IORING_OP_READV,
        IORING_OP_WRITEV,    IORING_OP_OPENAT,    IORING_OP_CLOSE,        IORING_OP_FSYNC,
        IORING_OP_STATX,     IORING_OP_FALLOCATE, IORING_OP_RENAMEAT,     IORING_OP_UNLINKAT,
        IORING_OP_MKDIRAT,   IORING_OP_POLL_ADD,  IORING_OP_ASYNC_CANCEL, IORING_OP_OPENAT2,
        IORING_OP_SYMLINKAT, IORING_OP_LINKAT,    IORING_OP_SETXATTR,     IORING_OP_FSETXATTR,
        IORING_OP_GETXATTR,  IORING_OP_FGETXATTR, IORING_OP_SPLICE,
    };
    for (size_t i = 0; i < sizeof needed; i++)
        if (!supported[needed[i]])
            return -EOPNOTSUPP;
    return 0;
}

/* A kernel of which nothing tells whether it has repeating receives has them where it takes
 * SINGLE_ISSUER: both came with 6.0. */
static bool has_recv_multishot(void)
{
    struct ring ring;
    if (ring_open(&ring, 1, 2, IORING_SETUP_SINGLE_ISSUER) < 0)
        return false;
    ring_close(&ring);
    return true;
}

static int find_features(struct uring *uring, bool supported[RING_OPCODES])
{
    int error = probe(uring, supported);
    if (!error)
        error = require_opcodes(supported);
    if (error)
        return error;
    use(uring, URING_ACCEPT_MULTISHOT, true);
    use(uring, URING_RECV_MULTISHOT,
        uring_uses(uring, URING_DEFER_TASKRUN) || has_recv_multishot());
    /* Messages are older. To a ring with deferred task work, from another thread, they are safe
     * where this opcode is there. */
    use(uring, URING_MSG_RING, supported[IORING_OP_MSG_RING] && supported[RING_OPCODE_FTRUNCATE]);
    /* Before 6.1, which brought that opcode, a cancel loses what was moved. */
    use(uring, URING_WAITALL, supported[RING_OPCODE_SENDMSG_ZC]);
    use(uring, URING_FTRUNCATE, supported[RING_OPCODE_FTRUNCATE]);
    uring->for_pool = UINT64_C(1) << HARK_OP_GETDENTS | UINT64_C(1) << HARK_OP_COPY_FILE_RANGE |
                      UINT64_C(1) << HARK_OP_READLINKAT | UINT64_C(1) << HARK_OP_FCHMODAT |
                      UINT64_C(1) << HARK_OP_FCHOWNAT | UINT64_C(1) << HARK_OP_UTIMENSAT |
                      UINT64_C(1) << HARK_OP_LISTXATTRAT | UINT64_C(1) << HARK_OP_REMOVEXATTRAT;
    if (!uring_uses(uring, URING_FTRUNCATE))
        uring->for_pool |= UINT64_C(1) << HARK_OP_FTRUNCATE;
    uring->apart = uring->for_pool | UINT64_C(1) << HARK_OP_OPENAT |
                   UINT64_C(1) << HARK_OP_RECV_EACH | UINT64_C(1) << HARK_OP_RECVMSG_EACH |
                   UINT64_C(1) << HARK_OP_READ | UINT64_C(1) << HARK_OP_WRITE |
                   UINT64_C(1) << HARK_OP_READV | UINT64_C(1) << HARK_OP_WRITEV |
                   UINT64_C(1) << HARK_OP_POLL | UINT64_C(1) << HARK_OP_POLL_EACH |
                   UINT64_C(1) << HARK_OP_ACCEPT_EACH | UINT64_C(1) << HARK_OP_SETXATTRAT |
                   UINT64_C(1) << HARK_OP_GETXATTRAT | UINT64_C(1) << HARK_OP_SEND_ZC;
    if (!uring_uses(uring, URING_WAITALL))
        uring->apart |= UINT64_C(1) << HARK_OP_RECV | UINT64_C(1) << HARK_OP_SEND;
    use(uring, URING_SEND_ZC, supported[IORING_OP_SEND_ZC] && uring_uses(uring, URING_WAITALL));
    use(uring, URING_WAITID, supported[RING_OPCODE_WAITID]);
    if (!uring_uses(uring, URING_WAITID))
        uring->apart |= UINT64_C(1) << HARK_OP_WAITID;
    use(uring, URING_NO_IOWAIT, (uring->ring.kernel_features & RING_FEATURE_NO_IOWAIT) != 0);
    if (uring_uses(uring, URING_NO_IOWAIT))
        uring->ring.enter_flags |= RING_ENTER_NO_IOWAIT;
    use(uring, URING_REGISTERED_RING, true);
    return 0;
}

/* --- all of it --- */

static void explain(char *out_reason, size_t room, const char *step, int error)
{
    const char *hint = error == -EPERM    ? " (kernel.io_uring_disabled, or a seccomp filter)"
                       : error == -ENOSYS ? " (a kernel without io_uring, or a seccomp filter)"
                       : error == -ENOMEM ? " (the limit of locked memory, ulimit -l)"
                       : error == -EINVAL || error == -EOPNOTSUPP
                           ? " (Linux 5.19 or newer is needed)"
                           : "";
    snprintf(out_reason, room, "%s: %s%s", step, hark_error_name(error), hint);
}

static void tear_down(struct uring *uring)
{
    ring_close(&uring->ring);
    if (uring->buffer_ring)
        kernel_munmap(NULL, uring->buffer_ring, uring->buffer_ring_bytes);
}

/* What it has made where it fails is the caller's to tear down. */
static int set_up(struct hark_loop *loop, struct uring *uring, uint64_t kinds,
                  const char **out_step)
{
    bool supported[RING_OPCODES];
    *out_step = "io_uring_enter";
    int error = try_enter(&uring->ring);
    if (error)
        return error;
    *out_step = "io_uring_register of a probe";
    error = find_features(uring, supported);
    if (error)
        return error;
    *out_step = "io_uring_register of a buffer ring";
    error = buffer_ring_register(loop, uring);
    if (error)
        return error;
    *out_step = "io_uring_register of restrictions";
    error = kinds ? restrict_ring(&uring->ring, kinds, supported) : 0;
    if (error)
        return error;
    *out_step = "epoll_create1";
    uring->watch_fd = kernel_epoll_create1(NULL, EPOLL_CLOEXEC);
    return uring->watch_fd < 0 ? uring->watch_fd : 0;
}

int setup_create(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                 size_t reason_room)
{
    const char *step = "io_uring_setup";
    struct uring *uring = calloc(1, sizeof *uring);
    if (!uring)
        return -ENOMEM;
    uring->event_fd = -1;
    name_features(uring);
    int error = open_ring(uring, options);
    if (!error) {
        error = set_up(loop, uring, options->kinds, &step);
        if (error)
            tear_down(uring);
    }
    if (error) {
        explain(out_reason, reason_room, step, error);
        free(uring);
        return error;
    }
    loop->backend_state = uring;
    return 0;
}

int setup_adopt(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    struct ring *ring = &uring->ring;
    /* Enabled already, it is another thread's: what that has in flight would end with it. */
    int error = ring->setup_flags & IORING_SETUP_R_DISABLED ? ring_enable(ring) : -EPERM;
    if (error)
        return error;
    if (uring_uses(uring, URING_REGISTERED_RING) && ring_register_self(ring) < 0)
        use(uring, URING_REGISTERED_RING, false);
    return 0;
}

void setup_destroy(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    if (loop->thread != thread_number())
        ring_forget_registration(&uring->ring);
    tear_down(uring);
    kernel_close(NULL, uring->watch_fd);
    if (uring->event_fd >= 0)
        kernel_close(NULL, uring->event_fd);
    free(uring);
}
