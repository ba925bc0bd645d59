-- A platform and a server in the hands of a test: time is a number, sockets and requests do as they are told.

local bytes = require "airboat.bytes"
local client = require "airboat.client"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"

local fake = {}

local Fake = {}
Fake.__index = Fake

function fake.new()
  local self = setmetatable({ time = 0, sockets = {}, requests = {}, reports = {}, saved = {}, websocket = true }, Fake)
  local function request(url, body, seconds, callback)
    table.insert(self.requests, { url = url, body = body, seconds = seconds, answer = callback })
  end
  self.platform = {
    now = function() return self.time end,
    random = function() return 1 end,
    report = function(text) table.insert(self.reports, text) end,
    has_websocket = function() return self.websocket end,
    secure_page = function() return false end,
    javascript = function(code) return self.page and self.page:run(code) end,
    load = function(name) return self.saved[name] or {} end,
    save = function(name, value) self.saved[name] = value; return true end,
    post_message = function() return true end,
    json = require("test.core.json").decode,
    post = request,
    get = function(url, seconds, callback) request(url, nil, seconds, callback) end,
    websocket = function(protocol, url, to)
      local socket = { url = url, protocol = protocol, to = to, sent = {}, state = "connecting" }
      function socket:send(frame)
        if self.state ~= "open" then return false end
        table.insert(self.sent, frame)
        return true
      end
      function socket:close() self.state = "closed" end
      table.insert(self.sockets, socket)
      return socket
    end,
  }
  return self
end

function Fake:client(opts)
  local options = { url = "http://game.test:7777", name = "Ann" }
  for key, value in pairs(opts or {}) do options[key] = value end
  return assert(client.new(options, self.platform))
end

-- Lets time pass in frames of 20 ms.
function Fake:pass(made, ms)
  for _ = 1, math.max(1, ms / 20) do
    self.time = self.time + 20
    made:update()
  end
end

function Fake:socket() return self.sockets[#self.sockets] end

function Fake:open()
  local socket = self:socket()
  socket.state = "open"
  socket.to.opened()
end

-- The connection breaks.
function Fake:cut()
  local socket = self:socket()
  socket.state = "closed"
  socket.to.ended()
end

-- The server says `{kind, …}`.
function Fake:say(n, ...) self:socket().to.message(msgpack.array(n, ...)) end

function Fake:welcome(token)
  self:say(2, 16, { protocol = { 1, 1 }, session = "1", device = { "id", "secret" }, resume = msgpack.bytes(token or "t1"),
    resume_window_ms = 30000, ping_ms = 5000 })
end

fake.SCHEMA = { tick_rate = 30, classes = msgpack.list {}, inputs = { { "fire", { "press" } }, { "mx", { "number", -1, 1, 1 } } } }

function Fake:joined(more)
  local answer = {
    epoch = 7, module = "m", title = "M", room = "Blue Fox", player = 1, tick = 100, schema = fake.SCHEMA,
    documents = { state = { n = 1 }, players = { ["1"] = { name = "Ann" } }, secret = {} }, input = 1, applied = 0,
    messages_lost = 0,
  }
  for key, value in pairs(more or {}) do answer[key] = value end
  local tick = answer.tick
  answer.snapshot = msgpack.bytes("\1\1" .. string.char(answer.epoch % 256) .. bytes.u16(tick) .. ("\0"):rep(6))
  self:say(2, 17, answer)
end

-- The arrays that were sent over the newest socket and not looked at yet; binary frames are left out.
function Fake:take()
  local arrays = {}
  local sent = self:socket().sent
  self:socket().sent = {}
  for _, frame in ipairs(sent) do
    if frame:byte(1) >= 0x90 then table.insert(arrays, msgpack.list(frames.read_array(frame))) end
  end
  return arrays
end

-- A client in a room over WebSocket.
function Fake:enter(opts)
  local made = self:client(opts)
  local room
  made:join("m", "blue fox", function(joined, err) room = assert(joined, err and err.message) end)
  self:pass(made, 20)
  self:open()
  self:welcome()
  self:joined()
  self:pass(made, 20)
  self:take()
  return made, room
end

return fake
