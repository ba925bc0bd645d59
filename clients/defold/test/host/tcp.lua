-- A TCP connection that never blocks, and the faults of networks that a test can give it: a lost segment, which TCP shows as
-- a stall, and an abrupt end.

local socket = require "socket"

local Tcp = {}
Tcp.__index = Tcp

local CHUNK = 65536
-- What a lost segment looks like from above TCP: silence until the retransmission.
local STALL_MIN, STALL_MAX = 0.2, 0.4

-- All open ones, so that a test can wait for any of them and leave none behind.
local open = {}

local function adopt(handle, faults)
  handle:settimeout(0)
  handle:setoption("tcp-nodelay", true)
  local tcp = setmetatable({ handle = handle, faults = faults, unsent = "", read_after = 0, write_after = 0 }, Tcp)
  open[tcp] = true
  return tcp
end

-- `faults`: { loss, random } or nil.
local function connect(host, port, faults)
  local handle = assert(socket.tcp())
  handle:settimeout(0)
  local done, problem = handle:connect(host, port)
  local tcp = adopt(handle, faults)
  tcp.connecting = not done
  if not done and problem ~= "timeout" and problem ~= "Operation already in progress" then tcp:fail(problem) end
  return tcp
end

function Tcp:fail(problem)
  if self.closed then return end
  self.closed, self.connecting = problem, false
  open[self] = nil
  self.handle:close()
end

-- Nothing more leaves, nothing more comes; the other side sees a reset, as when a machine is gone.
function Tcp:abort()
  if self.closed then return end
  pcall(self.handle.setoption, self.handle, "linger", { on = true, timeout = 0 })
  self:fail("aborted")
end

function Tcp:close() self:fail("closed") end

local function lost(self)
  local faults = self.faults
  if not faults or faults.loss == 0 or faults.random:next() >= faults.loss then return nil end
  faults.stalls = (faults.stalls or 0) + 1
  return socket.gettime() + faults.random:between(STALL_MIN, STALL_MAX)
end

function Tcp:send(bytes)
  if self.closed then return end
  self.unsent = self.unsent .. bytes
  local until_then = lost(self)
  if until_then then self.write_after = math.max(self.write_after, until_then) end
  self:flush()
end

function Tcp:flush()
  if self.closed or self.connecting or self.unsent == "" or socket.gettime() < self.write_after then return end
  local sent, problem, partly = self.handle:send(self.unsent)
  self.unsent = self.unsent:sub((sent or partly or 0) + 1)
  if not sent and problem ~= "timeout" then self:fail(problem) end
end

local function finish_connecting(self)
  local _, writable = socket.select(nil, { self.handle }, 0)
  if not writable[1] then return end
  -- A refused connection is writable too. LuaSocket tells it by connecting again.
  local done, problem = self.handle:connect("0.0.0.0", 0)
  if self.handle:getpeername() then self.connecting = false
  else self:fail(done and "not connected" or problem) end
end

-- What has arrived, or "".
function Tcp:receive()
  if self.closed then return "" end
  if self.connecting then finish_connecting(self) end
  self:flush()
  if self.closed or self.connecting or socket.gettime() < self.read_after then return "" end
  local parts = {}
  repeat
    local bytes, problem, partly = self.handle:receive(CHUNK)
    bytes = bytes or partly
    if bytes and bytes ~= "" then parts[#parts + 1] = bytes end
    if problem and problem ~= "timeout" then self:fail(problem) end
  until problem
  if #parts == 0 then return "" end
  local until_then = lost(self)
  if not until_then then return table.concat(parts) end
  self.held = (self.held or "") .. table.concat(parts)
  self.read_after = until_then
  return ""
end

-- `receive`, and what a stall held back before it.
function Tcp:take()
  local held = self.held
  if held and socket.gettime() < self.read_after then return "" end
  self.held = nil
  return (held or "") .. self:receive()
end

local function handles()
  local list = {}
  for tcp in pairs(open) do list[#list + 1] = tcp.handle end
  return list
end

-- Sleeps until something can be read anywhere, `seconds` at most.
local function wait(seconds, more)
  local list = handles()
  for _, handle in ipairs(more or {}) do list[#list + 1] = handle end
  if #list == 0 then return socket.sleep(seconds) end
  socket.select(list, nil, seconds)
end

local function count()
  local n = 0
  for _ in pairs(open) do n = n + 1 end
  return n
end

return { connect = connect, adopt = adopt, wait = wait, count = count }
