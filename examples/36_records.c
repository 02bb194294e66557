/* 36_records.c - asks for the texts (TXT records) of many names, with c-ares, and prints them.
 *
 * Shows: c-ares itself on a hark loop, for what hark/dns.h does not look up: any kind of record,
 * from any server. It has its own time-outs and tries.
 *
 * Try:   ./36_records example.org example.com
 *        ./36_records -s 127.0.0.1:5353 some.name      another server than the system's
 */
#include "hark.h"
#include "hark/adapters/cares.h"
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

static struct hark_cares resolver;
static struct hark_op finish;
static int left, code; /* questions under way; the code of the program's end */

/* Not from inside of a callback of c-ares. */
static void finished(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    hark_cares_close(&resolver);
}

static void print_texts(const char *name, const unsigned char *bytes, int count)
{
    struct ares_txt_ext *texts = NULL;
    int status = ares_parse_txt_reply_ext(bytes, count, &texts);

    if (status != ARES_SUCCESS) {
        fprintf(stderr, "36_records: %s: %s\n", name, ares_strerror(status));
        code = 1;
    }
    for (const struct ares_txt_ext *text = texts; text; text = text->next) {
        if (text->record_start)
            printf("%s%s: ", text == texts ? "" : "\n", name);
        printf("%.*s", (int)text->length, (const char *)text->txt);
    }
    if (texts)
        printf("\n");
    ares_free_data(texts);
}

static void answered(void *name, int status, int timeouts, unsigned char *bytes, int count)
{
    (void)timeouts;
    if (status == ARES_SUCCESS) {
        print_texts(name, bytes, count);
    } else {
        fprintf(stderr, "36_records: %s: %s\n", (const char *)name, ares_strerror(status));
        code = 1;
    }
    if (--left == 0)
        hark_defer(resolver.loop, &finish, finished);
}

static int ask_all(struct hark_loop *loop, const char *server, int count, char **names)
{
    struct ares_options options;
    int status;

    memset(&options, 0, sizeof options);
    options.timeout = 2000;
    options.tries = 3;
    status = hark_cares_open(loop, &resolver, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status == ARES_SUCCESS && server)
        status = ares_set_servers_ports_csv(resolver.channel, server);
    if (status != ARES_SUCCESS) {
        fprintf(stderr, "36_records: %s\n", ares_strerror(status));
        return -1;
    }
    left = count + 1; /* one more, as a question may end inside of its call */
    for (int i = 0; i < count; i++)
        ares_query(resolver.channel, names[i], ns_c_in, ns_t_txt, answered, names[i]);
    if (--left == 0)
        hark_defer(loop, &finish, finished);
    hark_cares_look_at_time(&resolver);
    return hark_run(loop);
}

int main(int count, char **arguments)
{
    const char *server = NULL;
    struct hark_loop *loop;
    int first = 1, error;

    if (count > 3 && strcmp(arguments[1], "-s") == 0) {
        server = arguments[2];
        first = 3;
    }
    if (count <= first) {
        fprintf(stderr, "usage: 36_records [-s SERVER] NAME...\n");
        return 2;
    }
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return 1;
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "36_records: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = ask_all(loop, server, count - first, arguments + first);
    if (error == 0)
        hark_loop_destroy(loop);
    ares_library_cleanup();
    return error < 0 ? 1 : code;
}
