-- The real server, as a process: started, killed, started again on the same port and data.

local process = require "host.process"
local socket = require "socket"

local quoted, read = process.quoted, process.read

local Server = {}
Server.__index = Server

local START_SECONDS = 60 -- a busy machine; it takes a tenth of a second

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

function Server:alive() return self.pid and process.alive(self.pid) end

function Server:start()
  while self.stopping and process.alive(self.stopping) do socket.sleep(0.01) end
  self.stopping = nil
  self.starts = self.starts + 1
  self.log = self.folder .. "/log" .. self.starts
  local settings = {}
  for name, value in pairs(self.settings) do settings[#settings + 1] = name .. "=" .. quoted(value) end
  -- Only its own settings: it refuses AIRBOAT_… names that it does not know.
  local command = ("env -i PATH=\"$PATH\" %s %s --port %d --data %s --certs %s --modules %s"):format(
    table.concat(settings, " "), quoted(self.binary), self.port, quoted(self.folder .. "/data"), quoted(self.folder .. "/certs"),
    quoted(self.modules))
  self.pid = process.start(command, self.log)
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
  process.signal(self.pid, "TERM")
  self.stopping, self.pid = self.pid, nil
end

-- As a power cut does.
function Server:kill()
  if not self.pid then return end
  process.signal(self.pid, 9)
  while self:alive() do socket.sleep(0.005) end
  self.pid = nil
end

function Server:url() return "http://127.0.0.1:" .. self.port end
function Server:read_log() return read(self.log) end

return { new = new }
