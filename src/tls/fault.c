/* fault.c - see the header. */
#include "tls/fault.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>

enum { REASON_BYTES = HARK_TLS_WHY_BYTES / 2 };

int fault_say(struct hark_tls_error *out, int error, const char *format, ...)
{
    va_list values;
    if (!out)
        return error;
    va_start(values, format);
    vsnprintf(out->text, sizeof out->text, format, values);
    va_end(values);
    return error;
}

void fault_reason(char *text)
{
    const char *data = "";
    int flags = 0;
    unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    bool has_data = code && (flags & ERR_TXT_STRING) && data[0];
    snprintf(text, REASON_BYTES, "%s%s%s", reason ? reason : "", has_data && reason ? ": " : "",
             has_data ? data : "");
    ERR_clear_error();
}

/* --- certificates --- */

static int code_of_verify(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return -EKEYEXPIRED;
    default:
        return -EKEYREJECTED;
    }
}

static const char *advice_of_verify(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "it is to be renewed, or this machine's clock is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "this machine's clock is wrong, or it was made too early";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "ask for a name that it is for, or look whom the name leads to";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "give its CA as ca_file if that is to be trusted, or have the peer send its whole "
               "chain";
    default:
        return "the peer needs another";
    }
}

static int certificate_refused(SSL *ssl, const char *with, struct hark_tls_error *out)
{
    long result = SSL_get_verify_result(ssl);
    return fault_say(out, code_of_verify(result), "TLS with %s: its certificate is refused: %s; %s",
                     with, X509_verify_cert_error_string(result), advice_of_verify(result));
}

/* --- everything else --- */

/* What to do about it. */
static const char *advice_of(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
        return "look whether it speaks TLS on this port";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return "one of both is to speak a newer version";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "look which ciphers and kinds of certificates both have";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "a client needs a certificate here";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "look at the certificate that it was shown";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "look which protocols (ALPN) both have";
    default:
        return NULL;
    }
}

/* What is on OpenSSL's list, which is emptied: whether a certificate was refused, or memory lacked;
 * and the first reason of TLS's, or else the first of all. */
struct reasons {
    bool refused, no_memory;
    unsigned long code;
};

static struct reasons take_reasons(void)
{
    struct reasons reasons = {0};
    unsigned long code;
    while ((code = ERR_get_error())) {
        bool of_tls = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) < ERR_RFLAG_COMMON;
        bool better = of_tls && ERR_GET_LIB(reasons.code) != ERR_LIB_SSL;
        if (!reasons.code || better)
            reasons.code = code;
        reasons.no_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
        reasons.refused |= of_tls && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    }
    return reasons;
}

int fault_of(SSL *ssl, const char *doing, const char *with, struct hark_tls_error *out)
{
    struct reasons reasons = take_reasons();
    int reason = ERR_GET_REASON(reasons.code);
    bool of_tls = ERR_GET_LIB(reasons.code) == ERR_LIB_SSL;
    if (reasons.no_memory)
        return fault_say(out, -ENOMEM, "TLS with %s: %s: no memory", with, doing);
    if (reasons.refused)
        return certificate_refused(ssl, with, out);
    const char *advice = of_tls ? advice_of(reason) : NULL;
    const char *words = reasons.code ? ERR_reason_error_string(reasons.code) : NULL;
    bool theirs = of_tls && reason >= SSL_AD_REASON_OFFSET;
    bool http = of_tls && (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST);
    return fault_say(out, http ? -EPROTOTYPE : -EPROTO, "TLS with %s: %s: %s%s%s%s", with, doing,
                     theirs ? "it has refused: " : "", words ? words : "the connection is broken",
                     advice ? "; " : "", advice ? advice : "");
}
