-- extension-websocket as the engine behaves: its states, its two profiles, and where it raises. Follows what was seen in the
-- real HTML5 engine (extension 4.0.0) and, natively, the extension's source (4.1.0).

local socket_client = require "host.socket_client"

local CONNECTED, DISCONNECTED, MESSAGE, ERROR = 0, 1, 2, 3
-- What Lua was seen to read on HTML5, whatever the server said.
local GARBAGE_CODE = 288

local Extension = {}
Extension.__index = Extension

local function new(app)
  return setmetatable({ app = app, connections = {}, spare = {}, dialled = {} }, Extension)
end

-- Light userdata: the address of a connection, and the next connection may live at the same address.
local function handle(self)
  return table.remove(self.spare) or newproxy()
end

local function find(self, connection)
  for place, conn in ipairs(self.connections) do
    if conn.handle == connection then return conn, place end
  end
end

local function parse(url)
  local scheme, host, port, path = url:match("^(%a[%w+.-]*)://([^/:?#]+):?(%d*)([^#]*)")
  if not scheme then return nil end
  scheme = scheme:lower()
  if scheme == "https" then scheme = "wss" end
  return { scheme = scheme, host = host, port = tonumber(port) or (scheme == "wss" and 443 or 80), path = path == "" and "/" or path }
end

local function number_in(params, key, default)
  local value = params and params[key]
  if value == nil then return default end
  if type(value) ~= "number" then error("Wrong type for table attribute '" .. key .. "'", 3) end
  return value
end

local function string_in(params, key)
  local value = params and params[key]
  if value ~= nil and type(value) ~= "string" then error("Wrong type for table attribute '" .. key .. "'", 3) end
  return value
end

local function fail(conn, text)
  if not conn.problem then conn.problem = text end
  conn.state = "disconnected"
end

-- The browser's constructor throws inside JavaScript, and that ends the engine: pcall is of no use.
local function check_browser(self, target, url)
  local page = self.app.page
  if not target or (target.scheme ~= "ws" and target.scheme ~= "wss") then self.app:abort("SyntaxError: The URL '" .. url .. "' is invalid") end
  if page == "https:" and target.scheme == "ws" then
    self.app:abort("SecurityError: an insecure WebSocket connection may not be initiated from a page loaded over HTTPS")
  end
end

function Extension:connect(url, params, callback)
  if type(url) ~= "string" then error("bad argument #1 to 'connect' (string expected, got " .. type(url) .. ")", 3) end
  if type(params) ~= "table" then error("bad argument #2 to 'connect' (table expected, got " .. type(params) .. ")", 3) end
  local timeout = number_in(params, "timeout", 3000)
  local headers, protocol = string_in(params, "headers"), string_in(params, "protocol")
  if headers and headers:find("\r\n\r\n", 1, true) then error("The header field must not contain double '\\r\\n\\r\\n'", 3) end
  local app, target = self.app, parse(url)
  self.dialled[#self.dialled + 1] = url
  if app.html5 then check_browser(self, target, url) end
  local conn = {
    handle = handle(self), state = "connecting", messages = {}, callback = app:callback(callback), events = {},
    times_out = app:now() + timeout / 1000,
  }
  local pooled = 0
  for _, other in ipairs(self.connections) do if other.client then pooled = pooled + 1 end end
  self.connections[#self.connections + 1] = conn
  if not app.html5 and pooled >= app:config_number("websocket.max_connections", 2) then
    conn.failing = "Failed to open connection: OUT_OF_RESOURCES"
  elseif not target or target.scheme == "wss" or app.offline or self.blocked then
    conn.failing = "Failed to open connection: CONNREFUSED" -- there is no TLS here
  else
    -- `swallowed_by`: the port of a peer that says nothing, as a firewall that swallows WebSockets is.
    if self.swallowed_by then target = { host = "127.0.0.1", port = self.swallowed_by, path = "/" } end
    conn.client = socket_client.connect(target, {
      protocol = protocol, headers = not app.html5 and headers or nil, faults = app.faults, random = app.random,
    })
  end
  return conn.handle
end

function Extension:disconnect(connection)
  if type(connection) ~= "userdata" then error("The first argument must be a valid connection!", 3) end
  local conn = find(self, connection)
  if not conn then return end
  if self.app.html5 then
    if conn.state ~= "connected" then return end -- while connecting: a silent no-op
    conn.client:close(1000)
    conn.state = "disconnecting"
  else
    -- Gone with what is queued, and without a close frame.
    if conn.client then
      conn.client.tcp.unsent = ""
      conn.client:abort()
    end
    conn.outgoing, conn.state = nil, "disconnected"
  end
end

function Extension:send(connection, message, options)
  if type(connection) ~= "userdata" then error("The first argument must be a valid connection!", 3) end
  local conn = find(self, connection)
  if not conn then error("Invalid connection", 3) end
  if conn.state ~= "connected" then error("Connection isn't connected", 3) end
  if type(message) ~= "string" and type(message) ~= "number" then
    error("bad argument #2 to 'send' (string expected, got " .. type(message) .. ")", 3)
  end
  local app = self.app
  local binary = number_in(options, "type", app.globals.websocket.DATA_TYPE_BINARY) == app.globals.websocket.DATA_TYPE_BINARY
  message = tostring(message)
  if app.html5 then
    if not binary then message = message:match("^[^%z]*") end -- a C string on its way to JavaScript
    conn.client:send(message, not binary)
  else
    -- The worker thread sends it some time after this call.
    conn.outgoing = conn.outgoing or {}
    table.insert(conn.outgoing, { message, not binary })
  end
end

local function call(self, conn, event, message, more)
  local data = more or {}
  data.event, data.message = event, message
  self.app:invoke(conn.callback, conn.handle, data)
end

local happened = {}

function happened.open(self, conn)
  conn.state = "connected"
  if self.app.html5 then call(self, conn, CONNECTED, "") end -- straight from the browser's onopen
end

function happened.refused(self, conn, event)
  if not self.app.html5 then
    conn.handshake = { status = event.status, headers = event.headers, response = event.body }
  end
  fail(conn, "Failed verifying handshake headers")
end

function happened.failed(_, conn, event) fail(conn, "Failed to open connection: " .. tostring(event.problem)) end
function happened.message(_, conn, event) table.insert(conn.messages, event.bytes) end

function happened.closed(self, conn, event)
  table.insert(conn.messages, { code = self.app.html5 and GARBAGE_CODE or event.code })
end

-- The server is gone without a close frame. A browser tells its page no more than after a close; natively the connection
-- fails, and what was received and not yet delivered goes with it.
function happened.lost(self, conn)
  if self.app.html5 then
    table.insert(conn.messages, { code = GARBAGE_CODE })
  else
    fail(conn, "Websocket closing (WSLAY_ERR_CALLBACK_FAILURE)")
  end
end

-- What the sockets did meanwhile: between two frames in a browser, on a thread of its own natively.
function Extension:poll()
  local list = {}
  for place, conn in ipairs(self.connections) do list[place] = conn end
  for _, conn in ipairs(list) do
    if conn.failing then
      fail(conn, conn.failing)
    elseif conn.client and conn.state ~= "disconnected" then
      for _, message in ipairs(conn.outgoing or {}) do conn.client:send(message[1], message[2]) end
      conn.outgoing = nil
      local events = {}
      conn.client:poll(events)
      for _, event in ipairs(events) do happened[event.kind](self, conn, event) end
    end
  end
end

local function destroy(self, conn)
  local _, place = find(self, conn.handle)
  table.remove(self.connections, place)
  self.spare[#self.spare + 1] = conn.handle
  if conn.client then conn.client:abort() end
end

local function deliver(self, conn)
  local messages = conn.messages
  conn.messages = {}
  for _, message in ipairs(messages) do
    if type(message) == "table" then
      conn.state, conn.code, conn.problem = "disconnected", message.code, nil
      return
    end
    call(self, conn, MESSAGE, message)
    if conn.state == "disconnected" then return end -- the callback disconnected (native)
  end
end

-- The extension's part of a frame.
function Extension:update()
  local list = {}
  for place, conn in ipairs(self.connections) do list[place] = conn end
  for _, conn in ipairs(list) do
    if conn.state == "disconnected" then
      if conn.problem then call(self, conn, ERROR, self.app.html5 and "" or conn.problem, { handshake_response = conn.handshake }) end
      call(self, conn, DISCONNECTED, "", { code = conn.code or (self.app.html5 and GARBAGE_CODE or 0) })
      destroy(self, conn)
    elseif conn.state == "connecting" then
      if not self.app.html5 and self.app:now() >= conn.times_out then
        fail(conn, "Connect sequence timed out")
        if conn.client then conn.client:abort() end
      end
    else
      -- In the sources of newer extensions both onopen and the next update tell it; `told_twice` plays that.
      if not conn.announced and (not self.app.html5 or self.told_twice) then
        conn.announced = true
        call(self, conn, CONNECTED, "")
      end
      if conn.state ~= "disconnected" then deliver(self, conn) end
    end
  end
end

-- Nothing more leaves, until the links break: the tunnel as it is before anybody knows.
function Extension:swallow()
  for _, conn in ipairs(self.connections) do
    if conn.client then conn.client.tcp.write_after = math.huge end
  end
end

-- Every link of this app breaks now, as when a train enters a tunnel: no close frame, and the server sees a reset.
function Extension:cut()
  local cut = 0
  for _, conn in ipairs(self.connections) do
    if conn.client and not conn.client.tcp.closed then
      conn.client.tcp:abort()
      cut = cut + 1
    end
  end
  return cut
end

function Extension:close_all()
  for _, conn in ipairs(self.connections) do
    if conn.client then conn.client:abort() end
  end
  self.connections = {}
end

function Extension:api()
  local html5 = self.app.html5
  return {
    connect = function(url, params, callback) return self:connect(url, params, callback) end,
    disconnect = function(connection) self:disconnect(connection) end,
    send = function(connection, message, options) self:send(connection, message, options) end,
    EVENT_CONNECTED = CONNECTED, EVENT_DISCONNECTED = DISCONNECTED, EVENT_MESSAGE = MESSAGE, EVENT_ERROR = ERROR,
    -- Not the same numbers everywhere: only the names are.
    DATA_TYPE_BINARY = html5 and 0 or 2, DATA_TYPE_TEXT = 1,
  }
end

return { new = new }
