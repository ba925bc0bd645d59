-- The server that the probe plays with: what it does follows from the path.

local Peer = require "host.peer"

local function http(status, body)
  return "HTTP/1.1 " .. status .. "\r\nX-Probe: Yes\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Probe\r\nContent-Length: "
    .. #body .. "\r\nConnection: close\r\n\r\n" .. body
end

-- On this port, or on any.
local function open(port)
  local peer = Peer.listen("stage", port)
  function peer.route(path, body)
    if path == "/silent" then return nil end
    if path == "/echo" then return http("200 OK", body) end
    local status = path:match("^/status/(%d+)$")
    return http(status == "200" and "200 OK" or "404 Not Found", "body")
  end
  function peer.opened(link, path)
    if path ~= "/burst" then return end
    for n = 1, 3 do peer:say(("m"):rep(n), false, link) end
    peer:close_link(4001, "a reason", link)
  end
  function peer.heard(link, path, opcode, payload)
    if path == "/break" then peer:break_link(link)
    else peer:say(payload, opcode == 1, link) end
  end
  return peer
end

return { open = open }
