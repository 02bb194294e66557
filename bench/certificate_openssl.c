/* certificate_openssl.c - makes what the tls_ servers show: a certificate for localhost with a key
 * on the curve P-256, signed by itself, good for a day.
 *
 *   certificate_openssl CHAIN KEY */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static void need(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "certificate_openssl: %s\n", what);
    exit(1);
}

int main(int argc, char **argv)
{
    need(argc == 3, "usage: certificate_openssl CHAIN KEY");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    need(key && certificate, "no key");
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    need(X509_sign(certificate, key, EVP_sha256()) > 0, "cannot sign");
    FILE *chain_file = fopen(argv[1], "w");
    FILE *key_file = fopen(argv[2], "w");
    need(chain_file && key_file, "cannot write");
    PEM_write_X509(chain_file, certificate);
    PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL);
    need(fclose(chain_file) == 0 && fclose(key_file) == 0, "cannot write");
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}
