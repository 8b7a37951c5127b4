/* libsasl2 MECHANISM COUNT: client and server of libsasl2 in one process, the password in memory. */
#include "exchange.h"
#include "libsasl2.h"

static int new_server(sasl_conn_t **server)
{
    int result = sasl_server_new("imap", HOST, REALM, NULL, NULL, NULL, 0, server);
    if (result == SASL_OK)
        strength(*server, 0);
    return result;
}

static struct times exchange(void)
{
    struct times times = {0, 0};
    uint64_t began = now();
    sasl_conn_t *server = NULL, *client = NULL;
    const char *response = NULL, *challenge = NULL, *chosen;
    unsigned response_length = 0, challenge_length = 0;
    int said, heard;

    TIMED(times.server, must(new_server(&server), "sasl_server_new"));
    must(sasl_client_new("imap", HOST, NULL, NULL, NULL, 0, &client), "sasl_client_new");
    strength(client, 0);
    said = sasl_client_start(client, mechanism, NULL, &response, &response_length, &chosen);
    must(said, "sasl_client_start");
    TIMED(times.server,
          heard = sasl_server_start(server, mechanism, response, response_length, &challenge, &challenge_length));
    must(heard, "sasl_server_start");
    while (heard == SASL_CONTINUE) {
        said = sasl_client_step(client, challenge, challenge_length, NULL, &response, &response_length);
        must(said, "sasl_client_step");
        TIMED(times.server,
              heard = sasl_server_step(server, response, response_length, &challenge, &challenge_length));
        must(heard, "sasl_server_step");
    }
    if (said == SASL_CONTINUE && challenge_length)
        said = sasl_client_step(client, challenge, challenge_length, NULL, &response, &response_length);
    if (said != SASL_OK)
        must(SASL_FAIL, "the client is not content");
    TIMED(times.server, sasl_dispose(&server));
    sasl_dispose(&client);
    times.full = now() - began;
    return times;
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    mechanism = words[1];
    begin();
    measure(strtoul(words[2], NULL, 10), exchange);
    return 0;
}
