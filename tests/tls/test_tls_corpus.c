/* test_tls_corpus.c - the corpus of streams over TLS whose peer follows a script: fuzz/corpus.h. */
#include "fuzz/check_tls.h"
#include "fuzz/corpus.h"

BACKEND_TEST(corpus_of_tls_keeps_the_rules)
{
    tls_world_begin(loop);
    run_corpus("tls", check_tls);
    tls_world_end();
}
