/* libsasl2 as a peer that speaks base64 lines on stdin and stdout.
 *
 *   libsasl2 server MECHANISM USER PASSWORD USER_REALM    USER_REALM "-" for none
 *   libsasl2 client MECHANISM USER PASSWORD REALM
 *
 * A server reads "initial TEXT" or "none", then "response TEXT"; it writes "challenge TEXT", then
 * "success AUTHID" or "failure CODE". A client writes "initial TEXT" or "none", then "response TEXT"; it reads
 * "challenge TEXT", then "success", and ends with "success" or "failure CODE".
 */
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "smtp"
#define HOST "mail.example.com"

static const char *mechanism, *user, *password, *realm;
static char line[65536], bytes[65536];
static unsigned length;

static void say(const char *word, const char *text, unsigned size) {
    static char encoded[90000];
    if (sasl_encode64(text ? text : "", size, encoded, sizeof encoded, NULL) != SASL_OK) exit(2);
    printf("%s %s\n", word, encoded);
    fflush(stdout);
}

static void end(int code) {
    if (code == SASL_OK) printf("success\n");
    else printf("failure %d\n", code);
    exit(0);
}

/* Reads a line; gives its first word, and what follows, decoded, in bytes and length. */
static const char *hear(void) {
    char *text;
    if (!fgets(line, sizeof line, stdin)) exit(3);
    line[strcspn(line, "\n")] = 0;
    text = strchr(line, ' ');
    length = 0;
    if (text) {
        *text++ = 0;
        if (sasl_decode64(text, strlen(text), bytes, sizeof bytes, &length) != SASL_OK) exit(4);
    }
    return line;
}

static int option(void *context, const char *plugin, const char *name, const char **value, unsigned *size) {
    (void)context, (void)plugin;
    if (!strcmp(name, "auxprop_plugin")) *value = "one";
    else if (!strcmp(name, "pwcheck_method")) *value = "auxprop";
    else if (!strcmp(name, "log_level")) *value = "0";
    else if (!strcmp(name, "mech_list")) *value = mechanism;
    else return SASL_FAIL;
    if (size) *size = strlen(*value);
    return SASL_OK;
}

/* Knows one user, in every realm. */
static int look_up(void *global, sasl_server_params_t *params, unsigned flags, const char *name, unsigned size) {
    const struct propval *wanted = params->utils->prop_get(params->propctx);
    unsigned local = strcspn(user, "@");
    (void)global;
    if (flags & SASL_AUXPROP_AUTHZID) return SASL_OK;
    if (size < local || memcmp(name, user, local) || (size > local && name[local] != '@')) return SASL_NOUSER;
    for (; wanted->name; wanted++)
        if (!strcmp(wanted->name, "*userPassword") && !wanted->values)
            params->utils->prop_set(params->propctx, wanted->name, password, strlen(password));
    return SASL_OK;
}

static int add_plugin(const sasl_utils_t *utils, int most, int *version, sasl_auxprop_plug_t **plugin, const char *name) {
    static sasl_auxprop_plug_t one = {.auxprop_lookup = look_up, .name = "one"};
    (void)utils, (void)most, (void)name;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plugin = &one;
    return SASL_OK;
}

static int give_name(void *context, int id, const char **value, unsigned *size) {
    (void)context;
    *value = id == SASL_CB_USER ? "" : user;
    if (size) *size = strlen(*value);
    return SASL_OK;
}

static int give_password(sasl_conn_t *connection, void *context, int id, sasl_secret_t **secret) {
    static sasl_secret_t *kept;
    (void)connection, (void)context, (void)id;
    if (!kept) kept = malloc(sizeof *kept + strlen(password));
    kept->len = strlen(password);
    memcpy(kept->data, password, kept->len);
    *secret = kept;
    return SASL_OK;
}

static int give_realm(void *context, int id, const char **offered, const char **chosen) {
    (void)context, (void)id, (void)offered;
    *chosen = realm;
    return SASL_OK;
}

typedef int (*callback)(void);
static sasl_callback_t for_server[] = {{SASL_CB_GETOPT, (callback)option, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
static sasl_callback_t for_client[] = {
    {SASL_CB_GETOPT, (callback)option, NULL},     {SASL_CB_USER, (callback)give_name, NULL},
    {SASL_CB_AUTHNAME, (callback)give_name, NULL}, {SASL_CB_PASS, (callback)give_password, NULL},
    {SASL_CB_GETREALM, (callback)give_realm, NULL}, {SASL_CB_LIST_END, NULL, NULL},
};

static void without_layers(sasl_conn_t *connection) {
    sasl_security_properties_t properties = {0, 0, 0, 0, NULL, NULL};
    sasl_setprop(connection, SASL_SEC_PROPS, &properties);
}

static void serve(void) {
    sasl_conn_t *connection;
    const char *out, *realm_or_none = strcmp(realm, "-") ? realm : NULL;
    const void *authid = NULL;
    unsigned size;
    int code;
    sasl_auxprop_add_plugin("one", add_plugin);
    if (sasl_server_init(for_server, "interop") != SASL_OK) exit(5);
    sasl_auxprop_add_plugin("one", add_plugin);
    if (sasl_server_new(SERVICE, HOST, realm_or_none, NULL, NULL, NULL, 0, &connection) != SASL_OK) exit(6);
    without_layers(connection);
    code = !strcmp(hear(), "none") ? sasl_server_start(connection, mechanism, NULL, 0, &out, &size)
                                   : sasl_server_start(connection, mechanism, bytes, length, &out, &size);
    while (code == SASL_CONTINUE) {
        say("challenge", out, size);
        hear();
        code = sasl_server_step(connection, bytes, length, &out, &size);
    }
    if (code != SASL_OK) end(code);
    sasl_getprop(connection, SASL_USERNAME, &authid);
    say("success", authid, strlen(authid));
}

static void connect_to(void) {
    sasl_conn_t *connection;
    const char *out, *chosen;
    unsigned size;
    int code;
    if (sasl_client_init(for_client) != SASL_OK) exit(5);
    if (sasl_client_new(SERVICE, HOST, NULL, NULL, NULL, 0, &connection) != SASL_OK) exit(6);
    without_layers(connection);
    code = sasl_client_start(connection, mechanism, NULL, &out, &size, &chosen);
    if (code != SASL_OK && code != SASL_CONTINUE) end(code);
    if (out) say("initial", out, size);
    else printf("none\n"), fflush(stdout);
    while (!strcmp(hear(), "challenge")) {
        code = sasl_client_step(connection, bytes, length, NULL, &out, &size);
        if (code != SASL_OK && code != SASL_CONTINUE) end(code);
        say("response", out, size);
    }
    end(code);
}

int main(int count, char **words) {
    if (count != 6) return 1;
    mechanism = words[2], user = words[3], password = words[4], realm = words[5];
    if (!strcmp(words[1], "server")) serve();
    else connect_to();
    return 0;
}
