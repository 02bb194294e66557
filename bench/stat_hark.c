/* stat_hark.c - statx of the files 0 to COUNT-1 of a directory, again and again, `depth` in flight.
 *
 *   stat_hark DIRECTORY COUNT DEPTH OPERATIONS */
#include "bench.h"

#include <fcntl.h>
#include <hark.h>
#include <sys/stat.h>

struct request {
    struct hark_op op;
    struct statx status;
    char path[16];
};

static uint64_t files, started, operations;
static int directory;

static void done(struct hark_op *op, int64_t result);

static void start(struct hark_loop *loop, struct request *request)
{
    snprintf(request->path, sizeof request->path, "%u", (unsigned)(started++ % files));
    hark_statx(loop, &request->op, directory, request->path, 0, STATX_BASIC_STATS, &request->status,
               done);
}

static void done(struct hark_op *op, int64_t result)
{
    if (result < 0) {
        fprintf(stderr, "stat_hark: %s\n", hark_error_text(result));
        exit(1);
    }
    if (started < operations)
        start(op->loop, hark_container_of(op, struct request, op));
}

int main(int argc, char **argv)
{
    struct hark_loop *loop;
    if (argc < 5 || hark_loop_create(NULL, &loop) < 0)
        return 2;
    directory = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    files = strtoull(argv[2], NULL, 10);
    operations = strtoull(argv[4], NULL, 10);
    int depth = atoi(argv[3]);
    struct request *requests = calloc((size_t)depth, sizeof *requests);
    struct stopwatch watch = stopwatch_start();
    for (int i = 0; i < depth && started < operations; i++)
        start(loop, &requests[i]);
    hark_run(loop);
    print_operations(&watch, operations);
    return 0;
}
