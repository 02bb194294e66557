/* test_mail.c - mail between threads: each piece once, in the order of its sender, and no more of
 * it in a turn than others can bear. */
#include "harness/harness.h"

#include "mailbox/mail.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 3, LETTERS = 4000 };

/* Goes from the one to the other and back until it has made its way. */
struct letter {
    struct mail mail;
    uint32_t from, to;
    int number;
    int ways;
};

static struct post {
    struct hark_group *group;
    struct mailbox boxes[THREADS];
    struct hark_op hold[THREADS];
    struct letter letters[THREADS][THREADS][LETTERS]; /* from, to */
    int next[THREADS][THREADS];                       /* at `to`, of `from` */
    int left[THREADS];
} * post;

static void ignored(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void back(struct mail *mail)
{
    struct letter *letter = hark_container_of(mail, struct letter, mail);
    letter->ways++;
    if (--post->left[letter->from] == 0)
        hark_cancel(&post->hold[letter->from]);
}

static void there(struct mail *mail)
{
    struct letter *letter = hark_container_of(mail, struct letter, mail);
    struct hark_loop *own = post->boxes[letter->to].loop;
    assert_int_equal(letter->number, post->next[letter->to][letter->from]++);
    letter->ways++;
    mail_send(own, &post->boxes[letter->from], mail, back);
}

static int begin(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)context;
    post->left[index] = THREADS * LETTERS;
    hark_sleep_until(loop, &post->hold[index], HARK_NEVER, ignored);
    for (int number = 0; number < LETTERS; number++) {
        for (uint32_t to = 0; to < THREADS; to++) {
            struct letter *letter = &post->letters[index][to][number];
            *letter = (struct letter){.from = index, .to = to, .number = number};
            mail_send(loop, &post->boxes[to], &letter->mail, there);
        }
    }
    return 0;
}

BACKEND_TEST(mail_of_each_thread_to_each_arrives_once_and_in_order_and_comes_back)
{
    struct hark_group_options options = {.loop.backend = harness_backend(), .loops = THREADS};
    post = calloc(1, sizeof *post);
    assert_non_null(post);
    assert_int_equal(hark_group_create(&options, &post->group), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        mailbox_init(&post->boxes[i], hark_group_loop(post->group, i));
    assert_int_equal(hark_group_run(post->group, begin, NULL), 0);
    while (hark_group_destroy(post->group) <
           0) /* one that had all of its own back may have ended before the others' came */
        assert_int_equal(hark_group_run(post->group, NULL, NULL), 0);
    for (int from = 0; from < THREADS; from++)
        for (int to = 0; to < THREADS; to++)
            for (int number = 0; number < LETTERS; number++)
                assert_int_equal(post->letters[from][to][number].ways, 2);
    free(post);
}

/* --- one loop --- */

struct pile {
    struct mailbox box;
    struct mail mail[2000];
    int arrived;
    int arrived_at_defer;
    struct hark_op defer;
};

static struct pile *pile;

static void deferred(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    pile->arrived_at_defer = pile->arrived;
}

static void piled(struct mail *mail)
{
    assert_ptr_equal(mail, &pile->mail[pile->arrived]);
    if (pile->arrived++ == 0)
        hark_defer(pile->box.loop, &pile->defer, deferred);
}

BACKEND_TEST(promise_11_much_mail_lets_others_have_their_turn)
{
    pile = calloc(1, sizeof *pile);
    assert_non_null(pile);
    mailbox_init(&pile->box, loop);
    for (int i = 0; i < 2000; i++)
        mail_send(loop, &pile->box, &pile->mail[i], piled);
    while (pile->arrived < 2000)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(pile->arrived_at_defer > 0 && pile->arrived_at_defer < 1000);
    harness_run(loop);
    /* many pieces, one message */
    assert_int_equal(hark_loop_metrics(loop)->handled[HARK_OP_POST], 1);
    free(pile);
}
