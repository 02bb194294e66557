/* test_corpus.c - the corpus of the parsers: fuzz/corpus.h. */
#include "fuzz/check_http.h"
#include "fuzz/check_lines.h"
#include "fuzz/check_response.h"
#include "fuzz/check_sse.h"
#include "fuzz/corpus.h"

TEST(corpus_of_http_keeps_the_rules)
{
    run_corpus("http", check_http);
}

TEST(corpus_of_response_keeps_the_rules)
{
    run_corpus("response", check_response);
}

TEST(corpus_of_sse_keeps_the_rules)
{
    run_corpus("sse", check_sse);
}

TEST(corpus_of_lines_keeps_the_rules)
{
    run_corpus("lines", check_lines);
}
