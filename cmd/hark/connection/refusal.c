/* refusal.c - from a publish's error to what is said of it.
 *
 * What must hold: "nothing was kept" is said only where nothing can have been: the file for it
 * could not be made, or what was written is cut off again. The log answers a failed sync, after
 * which nobody knows, with -EIO.
 */
#include "connection/refusal.h"

#include <errno.h>

struct refusal refusal_of(int64_t error)
{
    switch (-error) {
    case ENOSPC:
    case EFBIG:
        return (struct refusal){507, "nothing was kept: there is no space left on the disk"};
    case EDQUOT:
        return (struct refusal){
            507, "nothing was kept: the quota of the disk, or of streams, is used up"};
    case EROFS:
        return (struct refusal){507, "nothing was kept: the disk is read-only"};
    case EACCES:
    case EPERM:
        return (struct refusal){507, "nothing was kept: the data directory may not be written"};
    case ENOENT:
    case ENOTDIR:
        return (struct refusal){507, "nothing was kept: the data directory is gone"};
    case EMFILE:
    case ENFILE:
        return (struct refusal){
            503, "nothing was kept: no descriptor is left for the log: try again later"};
    case EREMOTEIO:
        return (struct refusal){
            503, "nothing was kept: the disk failed before anything was written: try again later"};
    case EAGAIN:
        return (struct refusal){
            503, "nothing was kept: no thread can be started for the log: try again later"};
    case ENOMEM:
        return (struct refusal){503, "out of memory: try again later"};
    case EPIPE:
        return (struct refusal){409, "nothing was kept: the stream is closed"};
    case EPROTOTYPE:
        return (struct refusal){409, "nothing was kept: the stream takes JSON, by /v1/stream/NAME"};
    case ESHUTDOWN:
        return (struct refusal){503, "the server is ending"};
    default:
        return (struct refusal){500, "the disk failed: whether the event is kept is not known"};
    }
}
