/* fuzz_jwt.c - signed tokens under libFuzzer. The bytes are taken three ways: as keys; as a token,
 * as it came; and as a header and claims with a line end between them, which are signed, so that
 * what is behind the signature is reached too. What is let in has rights that rules would take. */
#include "access/digest.h"
#include "access/jwt.h"
#include "access/rules_state.h"
#include "access/token.h"
#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char keys_text[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"k\","
    "\"k\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\","
    "\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
static const char rules_text[] = "app jwt:keys aud=hark all *";

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct access_rules *rules_make(void)
{
    struct access_rules *rules = NULL;
    struct access_fault fault;
    struct keys_fault wrong;
    must(access_rules_parse(rules_text, sizeof rules_text - 1, &rules, &fault) == 0);
    must(access_rules_keys_take(rules, 0, keys_text, sizeof keys_text - 1, &wrong) == 0);
    return rules;
}

static size_t encode(const void *bytes, size_t count, char *to)
{
    size_t length = base64_encode(to, bytes, count);
    while (length > 0 && to[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++)
        to[i] = to[i] == '+' ? '-' : (char)(to[i] == '/' ? '_' : to[i]);
    return length;
}

/* Whether it is let in; rights are looked at. */
static bool ask(const struct access_rules *rules, const char *text, size_t count)
{
    struct jwt jwt;
    if (jwt_read(rules, text, count, &jwt) < 0)
        return false;
    must(jwt.issuer == 0 && jwt.rights->count <= JWT_RIGHTS_MAX);
    for (size_t i = 0; i < jwt.rights->count; i++) {
        const struct access_grant *grant = &jwt.rights->grants[i];
        must(!access_prefix_wrong(grant->prefix, strlen(grant->prefix), grant->verbs));
        must(grant->verbs != 0 && (grant->verbs & ~(unsigned)ACCESS_ALL) == 0);
    }
    free(jwt.rights);
    return true;
}

static void ask_signed(const struct access_rules *rules, struct digest *digest, const char *bytes,
                       size_t size)
{
    char text[2 * TOKEN_BYTES_MAX];
    unsigned char secret[DIGEST_BYTES], sum[DIGEST_BYTES];
    const char *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    if (!end || size > TOKEN_BYTES_MAX)
        return;
    size_t count = encode(bytes, (size_t)(end - bytes), text);
    text[count++] = '.';
    count += encode(end + 1, size - (size_t)(end + 1 - bytes), text + count);
    memset(secret, 'k', sizeof secret);
    must(digest_keyed(digest, secret, text, count, sum));
    text[count++] = '.';
    count += encode(sum, sizeof sum, text + count);
    if (!ask(rules, text, count))
        return;
    must(memmem(bytes, size, "HS256", 5) || memchr(bytes, '\\', size));
    text[count - 2] = text[count - 2] == 'A' ? 'B' : 'A';
    must(!ask(rules, text, count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct access_rules *rules;
    static struct digest *digest;
    struct keys *keys = NULL;
    struct keys_fault fault;
    if (!rules) {
        must(digest_create(&digest) == 0);
        rules = rules_make();
    }
    if (keys_parse((const char *)data, size, &keys, &fault) < 0)
        must(fault.reason);
    keys_destroy(keys);
    ask(rules, (const char *)data, size);
    ask_signed(rules, digest, (const char *)data, size);
    return 0;
}
