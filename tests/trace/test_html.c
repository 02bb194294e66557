/* test_html.c - the page's blocks are what html.h says, as a program that is not ours has made
 * them; names are escaped; what has no room is counted. */
#include "harness/harness.h"
#include "trace/html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct trace_loop loop = {.pid = 42,
                                 .number = 1,
                                 .backend = HARK_BACKEND_URING,
                                 .process = "</script>&\"x",
                                 .first_ns = 1000000};

static const struct trace_op a_read = {
    .id = (UINT64_C(1) << 40) + 5,
    .loop = &loop,
    .request_ns = 1000000,
    .queued_ns = 1000100,
    .delegated_ns = 1000100,
    .woke_ns = 1000900,
    .returned_ns = 1001000,
    .call_ns = 1001100,
    .called_ns = 1003000,
    .result = -ECONNRESET,
    .fd = 7,
    .kind = 3,
    .flags = TRACE_OP_QUEUED,
    .tries = 1,
    .ancestors = {{.id = (UINT64_C(1) << 40) + 2, .fd = 3, .kind = 4}},
};

/* A page in memory. */
struct page {
    struct trace_html html;
    FILE *file;
    char *text;
    size_t bytes;
};

static void begin(struct page *page)
{
    *page = (struct page){.file = NULL};
    page->file = open_memstream(&page->text, &page->bytes);
    assert_non_null(page->file);
    trace_html_begin(&page->html, page->file);
}

static void end_of_kinds(struct page *page, const char *kernel, uint64_t kinds)
{
    const struct trace_html_about about = {.kinds = kinds, .ended = 9, .kernel = kernel};
    trace_html_end(&page->html, &about);
    assert_int_equal(fclose(page->file), 0);
}

static void end(struct page *page, const char *kernel)
{
    end_of_kinds(page, kernel, 0);
}

static void assert_has(const struct page *page, const char *part)
{
    if (!strstr(page->text, part))
        fail_msg("the page has no %s", part);
}

TEST(ops_facts_and_waits_stand_in_the_page_as_its_header_says)
{
    static struct page page;
    struct trace_op op = a_read;
    struct trace_fact fact = {.time_ns = 1000500,
                              .cpu = 1,
                              .stage = 4,
                              .guess = true,
                              .device = 259,
                              .sector = 1234,
                              .what = "block_rq_issue",
                              .text = "virtio1"};
    assert_int_equal(trace_op_add_fact(&op, &fact), 0);
    for (int i = 0; i < 2; i++) { /* texts that have been before */
        fact.time_ns += 100;
        snprintf(fact.text, sizeof fact.text, "vda1");
        assert_int_equal(trace_op_add_fact(&op, &fact), 0);
    }
    begin(&page);
    trace_html_op(&page.html, &op);
    trace_html_op(&page.html, &a_read);
    trace_html_wait(&page.html, &loop, 1000200, 1000900, UINT64_MAX);
    trace_html_wait(&page.html, &loop, 1002200, 1002205, 0);
    end(&page, NULL);
    assert_has(
        &page,
        "data-block=\"ops\">"
        "ABDnAwADCAUAAc8BAQIEBJcRyAEAwAzIAcgB2B0Q5wMAAwgFAAHPAQECBAQAyAEAwAzIAcgB2B0=</script>");
    assert_has(&page, "data-block=\"facts\">"
                      "AK8JAgQBgwLSCQAOYmxvY2tfcnFfaXNzdWUAB3ZpcnRpbzEA5wcCBAGDAtIJ"
                      "AQAEdmRhMQCfBgIEAYMC0gkBAw==</script>");
    assert_has(&page, "data-block=\"waits\">AAGHDrwFAACgHwU=</script>");
    assert_has(&page, "\"errors\":{\"-104\":[\"ECONNRESET\",");
    assert_has(&page, "\"from\":-1100,");
    assert_has(&page, "\"kernel\":null,");
    free(page.text);
    trace_op_done(&op);
}

TEST(the_kinds_that_were_asked_for_stand_in_the_page)
{
    static struct page page;
    char only[64];
    begin(&page);
    end(&page, NULL);
    assert_has(&page, "\"only\":[]}");
    free(page.text);
    begin(&page);
    end_of_kinds(&page, NULL, trace_op_kind_bit(HARK_OP_RECV) | trace_op_kind_bit(HARK_OP_READ));
    snprintf(only, sizeof only, "\"only\":[%d,%d]}", HARK_OP_RECV, HARK_OP_READ);
    assert_has(&page, only);
    free(page.text);
}

TEST(what_programs_and_the_kernel_say_is_no_markup)
{
    static struct page page;
    begin(&page);
    trace_html_op(&page.html, &a_read);
    end(&page, "<!--\n");
    assert_has(&page, "\"process\":\"\\u003c/script\\u003e\\u0026\\u0022x\"");
    assert_has(&page, "\"kernel\":\"\\u003c!--\\u000a\"");
    free(page.text);
}

TEST(what_has_no_room_in_the_page_is_counted)
{
    static struct page page;
    begin(&page);
    page.html.ops.count = TRACE_HTML_OPS - 1;
    page.html.waits.count = TRACE_HTML_WAITS - 1;
    for (int i = 0; i < 3; i++) {
        trace_html_op(&page.html, &a_read);
        trace_html_wait(&page.html, &loop, 1000200, 1000900, 0);
    }
    end(&page, NULL);
    assert_has(&page, "\"ops\":1048576,\"waits_count\":1048576,");
    assert_has(&page, "\"left_out\":{\"ops\":2,\"waits\":2,\"facts\":0}");
    free(page.text);
}

TEST(more_than_a_block_holds_goes_into_more_blocks)
{
    static struct page page;
    begin(&page);
    for (int i = 0; i < 5000; i++)
        trace_html_op(&page.html, &a_read);
    end(&page, NULL);
    size_t blocks = 0;
    for (const char *at = page.text; (at = strstr(at, "data-block=\"ops\">")); at++)
        blocks++;
    assert_in_range(blocks, 2, 10);
    assert_true(page.html.ops.count == 5000);
    free(page.text);
}

TEST(number_of_more_than_seven_bits_takes_another_byte)
{
    static struct page page;
    begin(&page);
    trace_html_wait(&page.html, &loop, 1000000, 1000128, 1);
    end(&page, NULL);
    assert_has(&page, "data-block=\"waits\">AAEAgAE=</script>");
    free(page.text);
}

/* Else a block could not be read without those before it. */
TEST(times_of_each_block_count_from_the_beginning)
{
    static struct page page;
    const struct trace_html_block *waits = &page.html.waits;
    uint64_t from_ns = 1000000;
    uint64_t folded = 0;
    size_t used = 0, at = 2; /* behind the loop, and whether it may sleep */
    begin(&page);
    while (waits->used >= used) {
        used = waits->used;
        from_ns += 1000;
        trace_html_wait(&page.html, &loop, from_ns, from_ns + 1, 0);
    }
    for (unsigned shift = 0; shift == 0 || waits->bytes[at - 1] & 0x80; shift += 7)
        folded |= (uint64_t)(waits->bytes[at++] & 0x7f) << shift;
    assert_int_equal(folded, 2 * (from_ns - page.html.base_ns));
    end(&page, NULL);
    free(page.text);
}

/* Gives: how many bytes a block had, up to room. */
static size_t decode(const char *at, char *bytes, size_t room)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t count = 0;
    uint32_t kept = 0, bits = 0;
    for (const char *digit; *at && (digit = strchr(digits, *at)) && count < room; at++) {
        kept = kept << 6 | (uint32_t)(digit - digits);
        bits += 6;
        if (bits >= 8)
            bytes[count++] = (char)(kept >> (bits -= 8) & 0xff);
    }
    return count;
}

/* So that each can be read without the others. */
TEST(what_the_kernel_told_again_stands_in_each_block_once)
{
    static struct page page;
    static char bytes[TRACE_HTML_BLOCK];
    struct trace_op op = a_read;
    const struct trace_fact fact = {
        .time_ns = 1000500, .cpu = 1, .stage = 4, .what = "block_rq_issue", .text = "virtio1"};
    const struct trace_fact first = {.time_ns = 1000500, .what = "before it", .text = "once"};
    struct trace_op before = a_read;
    assert_int_equal(trace_op_add_fact(&op, &fact), 0);
    assert_int_equal(trace_op_add_fact(&before, &first), 0);
    begin(&page);
    trace_html_op(&page.html, &before);
    for (int i = 0; i < 20000; i++)
        trace_html_op(&page.html, &op);
    end(&page, NULL);
    static const char block[] = "data-block=\"facts\">";
    size_t blocks = 0;
    for (const char *at = page.text; (at = strstr(at, block)); blocks++) {
        at += strlen(block);
        size_t count = decode(at, bytes, sizeof bytes);
        const char *found = memmem(bytes, count, "block_rq_issue", 14);
        assert_non_null(found);
        assert_in_range(found - bytes, 0, 50); /* with the first that it is told of */
        assert_null(memmem(found + 1, count - (size_t)(found + 1 - bytes), "block_rq_issue", 14));
    }
    assert_in_range(blocks, 2, 20);
    free(page.text);
    trace_op_done(&before);
    trace_op_done(&op);
}
