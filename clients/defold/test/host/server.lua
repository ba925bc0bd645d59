-- The real server, as a process: started, killed, started again on the same port and data.

local socket = require "socket"

local Server = {}
Server.__index = Server

local START_SECONDS = 60 -- a busy machine; it takes a tenth of a second

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

-- `options`: binary, folder (made anew), modules, settings (AIRBOAT_… by name).
local function new(options)
  os.execute("mkdir -p " .. quoted(options.folder))
  local server = setmetatable({ binary = options.binary, folder = options.folder, modules = options.modules, settings = options.settings or {}, starts = 0 }, Server)
  server.port = 0
  server:start()
  return server
end

local function healthy(port)
  local handle = socket.tcp()
  handle:settimeout(1)
  local answer
  if handle:connect("127.0.0.1", port) then
    handle:send("GET /readyz HTTP/1.0\r\n\r\n")
    answer = handle:receive("*l")
  end
  handle:close()
  return answer and answer:find(" 200", 1, true) ~= nil
end

function Server:alive() return self.pid and os.execute("kill -0 " .. self.pid .. " 2>/dev/null") == 0 end

function Server:start()
  while self.stopping and os.execute("kill -0 " .. self.stopping .. " 2>/dev/null") == 0 do socket.sleep(0.01) end
  self.stopping = nil
  self.starts = self.starts + 1
  self.log = self.folder .. "/log" .. self.starts
  local settings = {}
  for name, value in pairs(self.settings) do settings[#settings + 1] = name .. "=" .. quoted(value) end
  -- Only its own settings: it refuses AIRBOAT_… names that it does not know.
  local command = ("env -i PATH=\"$PATH\" %s %s --port %d --data %s --certs %s --modules %s >%s 2>&1 </dev/null & echo $!"):format(
    table.concat(settings, " "), quoted(self.binary), self.port, quoted(self.folder .. "/data"), quoted(self.folder .. "/certs"),
    quoted(self.modules), quoted(self.log))
  self.pid = output(command):match("%d+")
  -- Whoever ends the run early finds here what to end with it.
  local list = os.getenv("AIRBOAT_STAND_IN_PIDS")
  local file = list and io.open(list, "a")
  if file then
    file:write(self.pid, "\n")
    file:close()
  end
  local deadline = socket.gettime() + START_SECONDS
  repeat
    socket.sleep(0.02)
    if self.port == 0 then self.port = tonumber(read(self.log):match("127%.0%.0%.1:(%d+)")) or 0 end
    if self.port > 0 and healthy(self.port) then return end
  until not self:alive() or socket.gettime() > deadline
  local log = read(self.log)
  self:kill()
  error("the server did not start:\n" .. log)
end

-- As `SIGTERM` asks; it says goodbye to everybody.
function Server:stop()
  os.execute("kill -TERM " .. self.pid .. " 2>/dev/null")
  self.stopping, self.pid = self.pid, nil
end

-- As a power cut does.
function Server:kill()
  if not self.pid then return end
  os.execute("kill -9 " .. self.pid .. " 2>/dev/null")
  while self:alive() do socket.sleep(0.005) end
  self.pid = nil
end

function Server:url() return "http://127.0.0.1:" .. self.port end
function Server:read_log() return read(self.log) end

return { new = new }
