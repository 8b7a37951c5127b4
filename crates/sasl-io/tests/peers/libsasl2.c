/* libsasl2 for smtp.c. */
#include "smtp.h"
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>
#include <stdlib.h>
#include <string.h>

#define HOST "mail.example.com"

static sasl_conn_t *connection;
static int is_server;
static char encoded[1 << 16], decoded[1 << 16];

static int configure(void *context, const char *plugin, const char *name, const char **value, unsigned *size) {
    (void)context, (void)plugin;
    if (!strcmp(name, "auxprop_plugin")) *value = "one";
    else if (!strcmp(name, "pwcheck_method")) *value = "auxprop";
    else if (!strcmp(name, "log_level")) *value = "0";
    else return SASL_FAIL;
    if (size) *size = strlen(*value);
    return SASL_OK;
}

static int look_up(void *global, sasl_server_params_t *params, unsigned flags, const char *name, unsigned size) {
    const struct propval *wanted = params->utils->prop_get(params->propctx);
    (void)global;
    if (flags & SASL_AUXPROP_AUTHZID) return SASL_OK;
    for (; wanted && wanted->name; wanted++) {
        if (size != strlen(login) || memcmp(name, login, size)) return SASL_NOUSER;
        if (!strcmp(wanted->name, "*userPassword") && !wanted->values)
            params->utils->prop_set(params->propctx, wanted->name, password, strlen(password));
    }
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
    *value = id == SASL_CB_USER ? "" : login;
    if (size) *size = strlen(*value);
    return SASL_OK;
}

static int give_password(sasl_conn_t *of, void *context, int id, sasl_secret_t **secret) {
    static sasl_secret_t *kept;
    (void)of, (void)context, (void)id;
    if (!kept) kept = malloc(sizeof *kept + strlen(password));
    kept->len = strlen(password);
    memcpy(kept->data, password, kept->len);
    *secret = kept;
    return SASL_OK;
}

typedef int (*callback)(void);
static sasl_callback_t callbacks[] = {
    {SASL_CB_GETOPT, (callback)configure, NULL},   {SASL_CB_USER, (callback)give_name, NULL},
    {SASL_CB_AUTHNAME, (callback)give_name, NULL}, {SASL_CB_PASS, (callback)give_password, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

static void set_up(enum side side) {
    sasl_security_properties_t properties = {strength, strength, 2048, 0, NULL, NULL};
    if (connection) return;
    is_server = side == SERVER;
    if (is_server) {
        sasl_auxprop_add_plugin("one", add_plugin);
        if (sasl_server_init(callbacks, "interop") != SASL_OK) exit(6);
        sasl_auxprop_add_plugin("one", add_plugin);
        if (sasl_server_new("smtp", HOST, NULL, NULL, NULL, NULL, 0, &connection) != SASL_OK) exit(6);
    } else {
        if (sasl_client_init(callbacks) != SASL_OK) exit(6);
        if (sasl_client_new("smtp", HOST, NULL, NULL, NULL, 0, &connection) != SASL_OK) exit(6);
    }
    if (sasl_setprop(connection, SASL_SEC_PROPS, &properties) != SASL_OK) exit(6);
    if (sasl_setprop(connection, SASL_AUTH_EXTERNAL, login) != SASL_OK) exit(6);
}

const char *offer(void) {
    const char *names;
    set_up(SERVER);
    if (sasl_listmech(connection, NULL, "", " ", "", &names, NULL, NULL) != SASL_OK) exit(7);
    return names;
}

static unsigned decode(const char *text) {
    unsigned size;
    if (sasl_decode64(text, strlen(text), decoded, sizeof decoded, &size) != SASL_OK) exit(8);
    return size;
}

static enum outcome conclude(int code, const char *out, unsigned size, const char **answer) {
    if (out && sasl_encode64(out, size, encoded, sizeof encoded, NULL) != SASL_OK) exit(8);
    *answer = out ? encoded : NULL;
    return code == SASL_OK ? DONE : code == SASL_CONTINUE ? MORE : FAILED;
}

enum outcome begin(enum side side, const char *mechanism, const char *text, const char **answer) {
    const char *out = NULL, *chosen;
    unsigned size = text ? decode(text) : 0;
    int code;
    set_up(side);
    code = is_server ? sasl_server_start(connection, mechanism, text ? decoded : NULL, size, &out, &size)
                     : sasl_client_start(connection, mechanism, NULL, &out, &size, &chosen);
    return conclude(code, out, size, answer);
}

enum outcome step(const char *text, const char **answer) {
    const char *out = NULL;
    unsigned size = decode(text);
    int code = is_server ? sasl_server_step(connection, decoded, size, &out, &size)
                         : sasl_client_step(connection, decoded, size, NULL, &out, &size);
    return conclude(code, out, size, answer);
}

int protect(const char *plain, size_t size, const char **wire, size_t *wire_size) {
    unsigned length;
    int code = sasl_encode(connection, plain, size, wire, &length);
    return *wire_size = length, code;
}

int reveal(const char *wire, size_t size, const char **plain, size_t *plain_size) {
    unsigned length;
    int code = sasl_decode(connection, wire, size, plain, &length);
    return *plain_size = length, code;
}
