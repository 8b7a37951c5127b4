/* libsasl2 MECHANISM full|client|server COUNT: client and server of libsasl2 in one process, the password or the derived keys
 * in memory. */
#include "exchange.h"
#include "libsasl2.h"

#include <sasl/saslutil.h>

static void keep_keys(const struct keys *keys)
{
    static char value[512];
    snprintf(value, sizeof value, "%s$" ITERATIONS ":" SALT "$%s:%s", keys->mechanism, keys->stored_key, keys->server_key);
    kept_as = "*authPassword";
    kept = value;
}

/* The last message goes along with success, as in the other libraries. */
static int new_server(sasl_conn_t **server)
{
    int result = sasl_server_new("imap", HOST, REALM, NULL, NULL, NULL, SASL_SUCCESS_DATA, server);
    if (result == SASL_OK)
        strength(*server, 0);
    return result;
}

static int new_client(sasl_conn_t **client)
{
    int result = sasl_client_new("imap", HOST, NULL, NULL, NULL, SASL_SUCCESS_DATA, client);
    if (result == SASL_OK)
        strength(*client, 0);
    return result;
}

static void exchange(void)
{
    sasl_conn_t *server = NULL, *client = NULL;
    const char *response = NULL, *challenge = NULL, *chosen;
    unsigned response_length = 0, challenge_length = 0;
    int said, heard;

    TIMED(SERVER, must(new_server(&server), "sasl_server_new"));
    TIMED(CLIENT, must(new_client(&client), "sasl_client_new"));
    TIMED(CLIENT, said = sasl_client_start(client, mechanism, NULL, &response, &response_length, &chosen));
    must(said, "sasl_client_start");
    TIMED(SERVER,
          heard = sasl_server_start(server, mechanism, response, response_length, &challenge, &challenge_length));
    must(heard, "sasl_server_start");
    while (heard == SASL_CONTINUE) {
        TIMED(CLIENT, said = sasl_client_step(client, challenge, challenge_length, NULL, &response, &response_length));
        must(said, "sasl_client_step");
        TIMED(SERVER, heard = sasl_server_step(server, response, response_length, &challenge, &challenge_length));
        must(heard, "sasl_server_step");
    }
    if (said == SASL_CONTINUE && challenge_length)
        TIMED(CLIENT, said = sasl_client_step(client, challenge, challenge_length, NULL, &response, &response_length));
    if (said != SASL_OK)
        must(SASL_FAIL, "the client is not content");
    TIMED(SERVER, sasl_dispose(&server));
    TIMED(CLIENT, sasl_dispose(&client));
}

static void encode(void)
{
    for (int i = 0; i < CALLS; i++)
        must(sasl_encode64(octets, (unsigned)size, text, sizeof text, NULL), "sasl_encode64");
}

static void decode(void)
{
    unsigned length, room = (unsigned)strlen(text);
    for (int i = 0; i < CALLS; i++)
        must(sasl_decode64(text, room, octets, sizeof octets, &length), "sasl_decode64");
}

int main(int count, const char **words)
{
    if (count != 4)
        return 2;
    if (measured_codec(words, encode, decode))
        return 0;
    mechanism = words[1];
    if (keys_of(mechanism))
        keep_keys(keys_of(mechanism));
    begin();
    measure(words[2], strtoul(words[3], NULL, 10), exchange);
    return 0;
}
