/* tls.c - a server without a certificate is refused by name, a client is not. */
#include <hark.h>
#include <hark/tls.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct hark_tls *tls;
    struct hark_tls_error why;
    struct hark_tls_options server = {.server = true}, client = {0};
    if (hark_tls_create(&server, &tls, &why) == 0 || !strstr(why.text, "no certificate"))
        return 1;
    if (hark_tls_create(&client, &tls, &why) < 0)
        return 2;
    hark_tls_destroy(tls);
    puts(hark_version());
    return 0;
}
