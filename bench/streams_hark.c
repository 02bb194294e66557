/* streams_hark.c - very many streams in the log of the command.
 *
 *     streams_hark make DIRECTORY STREAMS EVENTS
 *     streams_hark start DIRECTORY
 *     streams_hark end DIRECTORY
 *
 * `make` makes streams with names of 30 bytes and so many events in each, and then ends as if it
 * was killed, as does `start`; `end` closes the log in order. All say what each stream takes of
 * memory, how long the longest turn of the loop was, in time of the thread's CPU, and how long it
 * took until the log was open. */
#include "bench.h"

#include "log/log.h"

enum { UNDER_WAY = 4096, NAME_BYTES = 30 };

static const char event[32] = "a message of thirty-two bytes...";

static struct log *the_log;
static uint32_t streams, made, ended;

struct one {
    struct log_append request;
    char name[NAME_BYTES + 1];
};

static struct one all[UNDER_WAY];

static void give_up(const char *what, int64_t error)
{
    fprintf(stderr, "streams_hark: %s: %s\n", what, hark_error_text((int)error));
    exit(1);
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%llu %llu", &pages, &resident) != 2)
        give_up("/proc/self/statm", -5);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t longest_ns;

static void turn(struct hark_loop *loop)
{
    const uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const int ran = hark_run_once(loop);
    const uint64_t took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    if (ran < 0)
        give_up("the loop", ran);
    if (took > longest_ns)
        longest_ns = took;
}

static void append_next(struct one *one);

static void appended(struct log_append *request, int64_t result)
{
    struct one *one = hark_container_of(request, struct one, request);
    if (result < 0)
        give_up("an append", result);
    ended++;
    append_next(one);
}

static void append_next(struct one *one)
{
    if (made == streams)
        return;
    snprintf(one->name, sizeof one->name, "chat/rooms/%010u/messages", made++ % streams);
    one->request = (struct log_append){
        .name = one->name,
        .name_length = NAME_BYTES,
        .bytes = event,
        .length = sizeof event,
        .done = appended,
    };
    log_append(the_log, &one->request);
}

static void opened(void *context, int result, struct log *log)
{
    (void)context;
    if (result < 0)
        give_up("the log", result);
    the_log = log;
}

static void closed(void *context, int result)
{
    (void)context;
    if (result < 0)
        give_up("the end of the log", result);
    the_log = NULL;
}

static void report(void *context, enum log_severity severity, const char *text)
{
    (void)context, (void)severity;
    fprintf(stderr, "%s\n", text);
}

static void print(const char *figure, double value)
{
    printf("%s %.1f ", figure, value);
}

int main(int argc, char **argv)
{
    const struct log_options options = {.sync = LOG_SYNC_INTERVAL,
                                        .report = report,
                                        .sync_interval_ns = 200000000,
                                        .streams_max = 20000000};
    const bool making = argc == 5 && strcmp(argv[1], "make") == 0;
    struct hark_loop *loop = NULL;
    const bool ending = argc == 3 && strcmp(argv[1], "end") == 0;
    if (!making && !ending && (argc != 3 || strcmp(argv[1], "start") != 0)) {
        fprintf(stderr, "usage: streams_hark make DIRECTORY STREAMS EVENTS\n"
                        "       streams_hark start DIRECTORY | end DIRECTORY\n");
        return 2;
    }
    int error = hark_loop_create(NULL, &loop);
    const uint64_t before = resident_bytes(), began_ns = now_ns();
    if (error == 0)
        error = log_open(loop, argv[2], &options, opened, NULL);
    if (error != 0)
        give_up("the log", error);
    while (!the_log)
        turn(loop);
    print("open_ms", (double)(now_ns() - began_ns) / 1e6);
    for (uint32_t round = 0; making && round < (uint32_t)strtoul(argv[4], NULL, 10); round++) {
        streams = (uint32_t)strtoul(argv[3], NULL, 10);
        made = ended = 0;
        for (int i = 0; i < UNDER_WAY; i++)
            append_next(&all[i]);
        while (ended < streams)
            turn(loop);
    }
    const struct log_statistics *statistics = log_statistics(the_log);
    print("streams", (double)statistics->streams);
    print("seconds", (double)(now_ns() - began_ns) / 1e9);
    print("longest_turn_us", (double)longest_ns / 1e3);
    if (statistics->streams > 0)
        print("bytes_each", (double)(resident_bytes() - before) / (double)statistics->streams);
    if (ending)
        log_close(the_log, closed, NULL);
    while (ending && the_log)
        turn(loop);
    printf("\n");
    fflush(stdout);
    _exit(0); /* as if it was killed */
}
