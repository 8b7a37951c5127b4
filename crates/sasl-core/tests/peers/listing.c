/* What a libsasl2 server offers. Each line of standard input is a row of numbers: security_flags, min_ssf, max_ssf,
 * maxbufsize, external_ssf, whether there is an external identity, channel binding (0 none, 1 there, 2 critical), whether
 * proxying is needed. Each is answered by a line of names, "-" where there are none. */
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int code) {
    if (code != SASL_OK) exit(2);
}

static void offer(const unsigned row[8]) {
    sasl_conn_t *connection;
    sasl_security_properties_t properties = {0};
    sasl_ssf_t external = row[4];
    sasl_channel_binding_t binding = {"tls-unique", row[6] == 2, 3, (const unsigned char *)"abc"};
    const char *names = NULL;
    unsigned size = 0;

    must(sasl_server_new("smtp", "mail.example.com", NULL, NULL, NULL, NULL, row[7] ? SASL_NEED_PROXY : 0, &connection));
    properties.security_flags = row[0];
    properties.min_ssf = row[1];
    properties.max_ssf = row[2];
    properties.maxbufsize = row[3];
    must(sasl_setprop(connection, SASL_SSF_EXTERNAL, &external));
    if (row[5]) must(sasl_setprop(connection, SASL_AUTH_EXTERNAL, "tim"));
    if (row[6]) must(sasl_setprop(connection, SASL_CHANNEL_BINDING, &binding));
    int refused = sasl_setprop(connection, SASL_SEC_PROPS, &properties);
    if (refused == SASL_OK) refused = sasl_listmech(connection, NULL, "", " ", "", &names, &size, NULL);
    puts(refused == SASL_OK && size ? names : "-");
    sasl_dispose(&connection);
}

int main(void) {
    unsigned row[8];
    must(sasl_server_init(NULL, "listing"));
    while (scanf("%u %u %u %u %u %u %u %u", row, row + 1, row + 2, row + 3, row + 4, row + 5, row + 6, row + 7) == 8) offer(row);
    return 0;
}
