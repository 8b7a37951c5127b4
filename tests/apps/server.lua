-- A server by Lua's cyrussasl, and a client that logs in by PLAIN: LOGIN PASSWORD.
local sasl = require 'cyrussasl'
sasl.server_init('script')
local server = sasl.server_new('script', 'mail.domain.org', 'mail.domain.org', nil, nil)
local status = sasl.server_start(server, 'PLAIN', '\0' .. arg[1] .. '\0' .. arg[2])
print(status == sasl.SASL_OK and 'logged in as ' .. sasl.get_username(server) or 'refused')
