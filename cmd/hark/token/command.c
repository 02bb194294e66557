/* command.c - two lines: the token, for who shall have it, and the rule, which knows its SHA-256
 * alone, for the file of the server. */
#include "token/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "access/digest.h"
#include "access/rules.h"
#include "access/token.h"
#include "base/say.h"
#include "hark.h"

const struct options_command token_options = {
    .name = "token",
    .usage = "NAME VERBS PREFIX...",
    .about = "Makes a token, and the line that lets in who shows it: two lines on standard output. "
             "The\n"
             "first is the token, which is kept nowhere else; the second goes into the file of\n"
             "hark serve --tokens, which knows the token by its SHA-256 alone.\n",
    .after =
        "NAME is for people: 1 to 64 of A-Z a-z 0-9 . _ -, of one token each.\n"
        "VERBS: read, append, create, delete, admin (of the server as a whole), all; with commas.\n"
        "PREFIX: users/7/ is all streams below it, users/7 that stream alone, * all there are.\n"
        "\n"
        "Examples:\n"
        "  hark token web read,append chat/ news\n"
        "  hark token prometheus admin '*'\n"
        "  hark token me all '*' | { read -r token; cat >>rules; echo \"$token\" >me.token; }\n"
        "\n"
        "The file of rules, further:\n"
        "  # a comment\n"
        "  uid 1000 read,append jobs/         processes of a user, over a unix socket\n"
        "  app jwt:keys.json aud=hark all x/  tokens that a key of that file has signed\n"
        "  anonymous read public/             everybody\n"
        "\n"
        "Exit code: 0 it is made; 1 the machine refused; 2 wrong usage.\n",
    .operands_min = 3,
    .operands_max = OPTIONS_OPERANDS_MAX,
    .operands = "a NAME, VERBS and a PREFIX",
};

/* Says what is wrong with the words. */
static bool words_are_right(const struct options_found *found)
{
    const char *name = found->operands[0], *verbs = found->operands[1];
    const char *wrong = access_name_wrong(name, strlen(name));
    if (wrong) {
        say("token: '%s': %s", name, wrong);
        return false;
    }
    unsigned parsed = access_verbs_parse(verbs, strlen(verbs), &wrong);
    if (parsed == 0) {
        say("token: '%s': %s", verbs, wrong);
        return false;
    }
    for (size_t i = 2; i < found->operands_count; i++) {
        const char *prefix = found->operands[i];
        wrong = access_prefix_wrong(prefix, strlen(prefix), parsed);
        if (wrong) {
            say("token: '%s': %s", prefix, wrong);
            return false;
        }
    }
    return true;
}

/* Gives: 0; a negative errno. */
static int make(struct hark_loop *loop, char *out_token, char *out_sum)
{
    unsigned char random[TOKEN_RANDOM_BYTES], sum[DIGEST_BYTES];
    struct digest *digest = NULL;
    int error = digest_create(&digest);
    if (error == 0)
        error = hark_os_random(loop, random, sizeof random);
    if (error == 0) {
        token_make(random, out_token);
        error = digest_sum(digest, out_token, TOKEN_MADE_BYTES, sum) ? 0 : -ENOMEM;
        hex_write(sum, sizeof sum, out_sum);
    }
    explicit_bzero(random, sizeof random);
    digest_destroy(digest);
    return error;
}

static void print(const struct options_found *found, const char *token, const char *sum)
{
    printf("%s\n%s sha256:%s", token, found->operands[0], sum);
    for (size_t i = 1; i < found->operands_count; i++)
        printf(" %s", found->operands[i]);
    putchar('\n');
}

int token_run(int argc, char **argv)
{
    char token[TOKEN_MADE_BYTES + 1], sum[2 * DIGEST_BYTES + 1];
    struct options_found found;
    struct hark_loop *loop = NULL;
    int code;
    if (!options_parse(&token_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    if (!words_are_right(&found))
        return EXIT_USAGE;
    int error = hark_loop_create(NULL, &loop);
    if (error == 0)
        error = make(loop, token, sum);
    if (loop)
        hark_loop_destroy(loop);
    if (error == 0)
        print(&found, token, sum);
    else if (error == -ENOTSUP)
        say("token: this hark was built without OpenSSL, which it needs (build it with OpenSSL 3: "
            "meson -Dtls=enabled)");
    else
        say("token: %s", why(error));
    explicit_bzero(token, sizeof token);
    if (error == 0 && fflush(stdout) == 0)
        return EXIT_DONE;
    if (error == 0)
        say("cannot write to standard output: %s", why(-errno));
    return EXIT_REFUSED;
}
