-- For the probe in a real engine: `LUA_PATH="./?.lua;;" luajit probe/server.lua [PORT]`, in the folder `test`.

local stage = require "probe.stage"
local socket = require "socket"

local peer = stage.open(tonumber(arg[1]) or 7790)
print("the probe's server listens on port " .. peer.port)
while true do
  peer:poll()
  socket.sleep(0.005)
end
