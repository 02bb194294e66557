/* lines_split.c - cutting a stream of bytes into lines at LF.
 *
 * A line that lies whole in a piece is handed out in place; only a line that is cut is gathered.
 * The limit is checked before a byte is kept: memory never grows past it.
 */
#include "wire/block.h"
#include "wire/lines.h"

#include <errno.h>
#include <string.h>

enum { KEPT_BYTES = 64 * 1024 }; /* a block above this size is not held between lines */

void lines_splitter_init(struct lines_splitter *splitter, size_t limit)
{
    *splitter = (struct lines_splitter){.limit = limit};
}

/* Lets go of the kept line that was handed out by the last call. */
static void release(struct lines_splitter *splitter)
{
    if (!splitter->given)
        return;
    splitter->given = false;
    splitter->kept_count = 0;
    if (splitter->kept_room > KEPT_BYTES)
        block_free(&splitter->kept, &splitter->kept_room);
}

int lines_splitter_next(struct lines_splitter *splitter, const char **bytes, size_t *count,
                        const char **out_line, size_t *out_count)
{
    const char *piece = *bytes;
    const char *end;
    size_t taken;

    release(splitter);
    if (splitter->error || *count == 0)
        return splitter->error;
    end = memchr(piece, '\n', *count);
    taken = end ? (size_t)(end - piece) : *count;
    if (splitter->kept_count > splitter->limit || taken > splitter->limit - splitter->kept_count)
        return splitter->error = -EMSGSIZE;
    if (!end || splitter->kept_count > 0) {
        if (block_reserve(&splitter->kept, &splitter->kept_room, splitter->kept_count + taken))
            return splitter->error = -ENOMEM;
        memcpy(splitter->kept + splitter->kept_count, piece, taken);
        splitter->kept_count += taken;
        piece = splitter->kept;
    }
    *bytes += taken + !!end;
    *count -= taken + !!end;
    if (!end)
        return 0;
    splitter->given = piece == splitter->kept;
    *out_line = piece;
    *out_count = splitter->given ? splitter->kept_count : taken;
    return 1;
}

void lines_splitter_done(struct lines_splitter *splitter)
{
    block_free(&splitter->kept, &splitter->kept_room);
    lines_splitter_init(splitter, splitter->limit);
}
