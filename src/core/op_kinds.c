/* op_kinds.c - a row for each kind of op. A kind without one does not compile. */
#include "core/op_kinds.h"
#include "hark/poll.h"

#define IN  HARK_POLL_READABLE
#define OUT HARK_POLL_WRITABLE

/* The core's own. */
#define KIND_DEFER       .way = WAY_CORE
#define KIND_SLEEP       .way = WAY_CORE
#define KIND_EVERY       .way = WAY_CORE
#define KIND_POST        .way = WAY_CORE
#define KIND_WORK        .way = WAY_CORE
#define KIND_SIGNAL_EACH .way = WAY_CORE
#define KIND_DETACH      .way = WAY_CORE
#define KIND_CLOSE       .way = WAY_CORE, .call = file_call_close

/* What never waits. */
#define KIND_NOP      .way = WAY_AT_ONCE
#define KIND_SOCKET   .way = WAY_AT_ONCE
#define KIND_SHUTDOWN .way = WAY_AT_ONCE

/* What waits for events. */
#define EVENTS(tries_, memory_) .way = WAY_EVENTS, .tries = (tries_), .memory = (memory_)
#define KIND_ACCEPT             EVENTS(IN, MEMORY_NONE)
#define KIND_ACCEPT_EACH        EVENTS(IN | TRY_REPEATS, MEMORY_NONE)
#define KIND_CONNECT            EVENTS(OUT | TRY_ALWAYS, MEMORY_NAME)
#define KIND_RECV               EVENTS(IN | TRY_VARIES, MEMORY_BYTES), .fills = true
#define KIND_RECV_EACH          EVENTS(IN | TRY_LATE, MEMORY_NONE)
#define KIND_RECVMSG_EACH       EVENTS(IN | TRY_LATE, MEMORY_NONE)
#define KIND_SEND               EVENTS(OUT, MEMORY_BYTES), .reads = true
#define KIND_SEND_ZC            EVENTS(OUT, MEMORY_BYTES), .reads = true
#define KIND_RECVMSG            EVENTS(IN | TRY_VARIES, MEMORY_MESSAGE), .fills = true
#define KIND_SENDMSG            EVENTS(OUT, MEMORY_MESSAGE), .reads = true
#define KIND_POLL               EVENTS(TRY_ALWAYS | TRY_VARIES, MEMORY_NONE)
#define KIND_POLL_EACH          EVENTS(TRY_ALWAYS | TRY_REPEATS | TRY_VARIES, MEMORY_NONE)
#define KIND_WAITID             EVENTS(IN, MEMORY_NONE)

/* The same of what may be a regular file. */
#define IO(tries_, memory_) EVENTS((tries_) | TRY_FILE, memory_), .call = file_call_transfer
#define KIND_READ           IO(IN | TRY_VARIES, MEMORY_BYTES), .fills = true
#define KIND_WRITE          IO(OUT, MEMORY_BYTES), .reads = true
#define KIND_READV          IO(IN, MEMORY_VECTORS), .fills = true
#define KIND_WRITEV         IO(OUT, MEMORY_VECTORS), .reads = true

/* Files alone. */
#define POOL(call_, memory_) .way = WAY_POOL, .call = (call_), .memory = (memory_)
#define KIND_OPENAT          POOL(file_call_open, MEMORY_OPENED)
#define KIND_FSYNC           POOL(file_call_sync, MEMORY_NONE)
#define KIND_FDATASYNC       POOL(file_call_sync, MEMORY_NONE)
#define KIND_FTRUNCATE       POOL(file_call_range, MEMORY_NONE)
#define KIND_FALLOCATE       POOL(file_call_range, MEMORY_NONE)
#define KIND_STATX           POOL(file_call_path, MEMORY_PATH)
#define KIND_RENAMEAT        POOL(file_call_path, MEMORY_PATHS)
#define KIND_UNLINKAT        POOL(file_call_path, MEMORY_PATH)
#define KIND_MKDIRAT         POOL(file_call_path, MEMORY_PATH)
#define KIND_SYMLINKAT       POOL(file_call_path, MEMORY_PATHS)
#define KIND_READLINKAT      POOL(file_call_path, MEMORY_PATH)
#define KIND_LINKAT          POOL(file_call_path, MEMORY_PATHS)
#define KIND_FCHMODAT        POOL(file_call_path, MEMORY_PATH)
#define KIND_FCHOWNAT        POOL(file_call_path, MEMORY_PATH)
#define KIND_UTIMENSAT       POOL(file_call_path, MEMORY_TIMES)
#define KIND_SETXATTRAT      POOL(file_call_attribute, MEMORY_ATTRIBUTE)
#define KIND_GETXATTRAT      POOL(file_call_attribute, MEMORY_ATTRIBUTE)
#define KIND_LISTXATTRAT     POOL(file_call_attribute, MEMORY_PATH)
#define KIND_REMOVEXATTRAT   POOL(file_call_attribute, MEMORY_ATTRIBUTE)
#define KIND_GETDENTS        POOL(file_call_entries, MEMORY_BYTES), .fills = true
#define KIND_COPY_FILE_RANGE POOL(file_call_copy, MEMORY_NONE)

/* Of two descriptors. */
#define KIND_SPLICE .way = WAY_EVENTS, .tries = IN, .call = file_call_splice

_Static_assert(offsetof(union hark_op_arguments, path.from) ==
                   offsetof(union hark_op_arguments, attribute.path),
               "a list of attributes has no memory but its path, where other ops have theirs");

const struct op_kind op_kinds[HARK_OP_KINDS] = {
#define ROW(code, name) [HARK_OP_##code] = {KIND_##code},
    HARK_OPS(ROW)
#undef ROW
};
