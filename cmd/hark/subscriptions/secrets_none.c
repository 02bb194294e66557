/* secrets_none.c - a build without OpenSSL: there is nothing that can be kept secret. */
#include "subscriptions/secrets.h"

#include <errno.h>

bool secrets_offered(void)
{
    return false;
}

bool secrets_random(unsigned char *bytes, size_t count)
{
    (void)bytes;
    (void)count;
    return false;
}

bool secrets_digest(const char *bytes, size_t count, unsigned char digest[SECRETS_DIGEST_BYTES])
{
    (void)bytes;
    (void)count;
    (void)digest;
    return false;
}

size_t secrets_make(char text[SECRETS_FILE_BYTES])
{
    text[0] = '\0';
    return 0;
}

int secrets_read(const char *text, size_t count, struct secrets *out_secrets)
{
    (void)text;
    (void)count;
    *out_secrets = (struct secrets){0};
    return -EINVAL;
}

void secrets_write_keys(const struct secrets *secrets, struct text *text)
{
    (void)secrets;
    text_add(text, "{\"keys\":[]}");
}

bool secrets_sign(const struct secrets *secrets, uint64_t seconds, const char *body, size_t count,
                  char value[SECRETS_SIGNATURE_BYTES])
{
    (void)secrets;
    (void)seconds;
    (void)body;
    (void)count;
    value[0] = '\0';
    return false;
}

bool secrets_token(const struct secrets *secrets, const char *id, uint64_t generation,
                   uint64_t until_s, char token[SECRETS_TOKEN_BYTES])
{
    (void)secrets;
    (void)id;
    (void)generation;
    (void)until_s;
    token[0] = '\0';
    return false;
}

int secrets_token_check(const struct secrets *secrets, const char *token, const char *id,
                        uint64_t now_s, uint64_t *out_generation)
{
    (void)secrets;
    (void)token;
    (void)id;
    (void)now_s;
    (void)out_generation;
    return -EINVAL;
}
