/* prove.c - what a start finds in the page cache may not be on the disk, although a sync says that
 * all is well: the kernel reports a write that failed once, to the process that asked then, and
 * keeps the bytes as if they were written. Shown to readers, they would be gone after a loss of
 * power.
 *
 * What must hold: what no later commit proves (RECORD_OPENS_COMMIT) is written again, at its place,
 * before it is read for the streams and before the sync that recovery waits for. The pages are
 * dirty then: they cannot leave the memory unwritten, and the sync is theirs.
 */
#include "log/prove.h"

#include "log/program.h"
#include "log/segment.h"

#include <errno.h>
#include <inttypes.h>

static void rewrite_next(struct log_recovery *recovery);

static void prove_end(struct log_recovery *recovery, int64_t error)
{
    struct log *log = recovery->log;
    if (error == -ENOSPC ||
        error ==
            -EDQUOT) { /* a file system that never writes in place; there is no better to be had */
        segment_name(recovery->name, recovery->scan.first, SUFFIX_LOG);
        program_tell(
            log, LOG_WARNING,
            "the end of segment %s cannot be written again: %s: make space before the power goes",
            recovery->name, hark_error_text(error));
        error = 0;
    }
    recovery->proved(recovery, (int)error);
}

static void rewritten(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    if (result < 0) {
        prove_end(recovery, result);
        return;
    }
    recovery->proven += (uint64_t)result;
    rewrite_next(recovery);
}

static void read_again(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    if (result <= 0)
        prove_end(recovery, result);
    else
        transfer_write(recovery->log->loop, transfer, recovery->fd, recovery->buffer,
                       (size_t)result, recovery->proven, rewritten);
}

static void rewrite_next(struct log_recovery *recovery)
{
    uint64_t left =
        recovery->scan.end > recovery->proven ? recovery->scan.end - recovery->proven : 0;
    if (left == 0)
        prove_end(recovery, 0);
    else
        transfer_read(recovery->log->loop, &recovery->transfer, recovery->fd, recovery->buffer,
                      left < SCAN_BUFFER_BYTES ? (size_t)left : SCAN_BUFFER_BYTES, recovery->proven,
                      read_again);
}

static void scanned(struct log_scan *scan, int error)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    if (error != 0)
        prove_end(recovery, error);
    else
        rewrite_next(recovery);
}

static int note_opener(struct log_scan *scan, const struct log_record *record, uint64_t offset)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    if ((record->flags & RECORD_OPENS_COMMIT) != 0)
        recovery->proven = offset;
    return 0;
}

void prove_begin(struct log_recovery *recovery,
                 void (*done)(struct log_recovery *recovery, int error))
{
    recovery->proved = done;
    recovery->proven = SEGMENT_HEADER_BYTES;
    recovery->scan.record = note_opener;
    recovery->scan.hole = NULL;
    recovery->scan.done = scanned;
    scan_begin(recovery->log->loop, &recovery->scan);
}
