/* copy_hark_range.c - a file copied by hark_copy_file_range: the kernel copies, piece by piece, so
 * that no byte passes through the program and a cancel has to wait for one piece at the most.
 * BLOCKS pieces are under way. See copy.h. */
#include "copy.h"

#include <hark.h>

enum { PIECE_BYTES = 8 << 20 };

struct piece {
    struct hark_op op;
    int64_t offset;
    int64_t left;
};

static void piece_next(struct hark_loop *loop, struct piece *piece);

static void piece_go_on(struct hark_loop *loop, struct piece *piece);

static void copied(struct hark_op *op, int64_t count)
{
    struct piece *piece = hark_container_of(op, struct piece, op);
    copy_check(count > 0, "copy");
    piece->offset += count;
    piece->left -= count;
    piece_go_on(op->loop, piece);
}

static void piece_go_on(struct hark_loop *loop, struct piece *piece)
{
    if (piece->left > 0)
        hark_copy_file_range(loop, &piece->op, from, piece->offset, to, piece->offset,
                             (size_t)piece->left, copied);
    else
        piece_next(loop, piece);
}

static void piece_next(struct hark_loop *loop, struct piece *piece)
{
    int64_t left = size - next_offset;
    if (left <= 0)
        return;
    piece->offset = next_offset;
    piece->left = left < PIECE_BYTES ? left : PIECE_BYTES;
    next_offset += piece->left;
    piece_go_on(loop, piece);
}

int main(int argc, char **argv)
{
    static struct piece all[BLOCKS_MAX];
    struct hark_loop *loop;
    copy_check(hark_loop_create(NULL, &loop) == 0, "make a loop");
    copy_open(argc, argv);
    for (unsigned i = 0; i < blocks; i++)
        piece_next(loop, &all[i]);
    hark_run(loop);
    return copy_print();
}
