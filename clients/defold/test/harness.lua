-- Tests: registered by specs, run one after another, each in a world of its own apps, peers and clock. A test waits for
-- conditions, never for times.

local App = require "engine.app"
local Browser = require "host.browser"
local Html5 = require "engine.html5"
local Peer = require "host.peer"
local Relay = require "host.relay"
local Server = require "host.server"
local random = require "host.random"
local socket = require "socket"
local tcp = require "host.tcp"

local harness = { tests = {}, profiles = { "html5", "native" } }

local FRAME = 1 / 60
local PATIENCE = 5400 -- frames: a minute and a half, for machines that are busy with something else

-- `where`: "html5", "native", "both" (one test for each), or "none" for what has no engine in it.
function harness.test(where, name, fn)
  local profiles = where == "both" and harness.profiles or { where }
  for _, profile in ipairs(profiles) do
    table.insert(harness.tests, { name = profile == "none" and name or profile .. ": " .. name, profile = profile, fn = fn })
  end
end

-- The real server, one for all tests that do not end it; started by the first that needs it.
function harness.server()
  if not harness.shared then harness.shared = harness.own_server() end
  return harness.shared
end

-- What stands in a file.
function harness.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local servers = {}

-- A server for one test. `settings`: AIRBOAT_… by name.
function harness.own_server(settings, modules)
  local options = harness.options
  if not options.binary then error("AIRBOAT_BIN names the server", 2) end
  local server = Server.new {
    binary = options.binary, folder = options.scratch .. "/server" .. #servers, modules = modules or options.modules, settings = settings,
  }
  servers[#servers + 1] = server
  return server
end

local browser

function harness.end_processes()
  if browser then browser:close() end
  for _, server in ipairs(servers) do server:kill() end
end

local World = {}
World.__index = World

local function world(profile, options)
  return setmetatable({ profile = profile, apps = {}, peers = {}, cleanups = {}, options = options, seed = options.seed, frame = FRAME }, World)
end

local folders = 0

function World:folder()
  folders = folders + 1
  return self.options.scratch .. "/" .. folders
end

-- Another program on this machine, or, with another's `home`, another start of the same.
function World:app(options)
  options = options or {}
  options.profile = options.profile or self.profile
  options.root, options.home = options.root or self.options.root, options.home or self:folder()
  options.seed = self.seed + #self.apps
  local app = App.new(options)
  app.expected_errors, app.may_abort = options.expected_errors or 0, options.may_abort
  table.insert(self.apps, app)
  return app
end

function World:peer(kind)
  local peer = Peer.listen(kind)
  table.insert(self.peers, peer)
  return peer
end

-- A page of a real browser, for an app, at an address of `server`; one browser serves all tests. `prelude`: JavaScript that
-- runs in it before the app.
function World:page(server, prelude)
  browser = browser or Browser.launch(self.options.chromium, self.options.scratch .. "/chromium")
  local page = browser:page(server:url() .. "/readyz", (prelude or "") .. Html5.PRELUDE)
  self:finally(function() page:close() end)
  return page
end

-- A network between a page and `server`'s WebTransport.
function World:relay(server, page)
  local relay = Relay.new(server.port, random.new(self.seed))
  table.insert(self.peers, relay)
  page:run("relay = " .. relay.port)
  return relay
end

-- To be done at the end, whatever happens.
function World:finally(fn) table.insert(self.cleanups, fn) end

function World:poll()
  for _, peer in ipairs(self.peers) do peer:poll() end
end

local function awake(app) return not app.aborted and not app.asleep end

-- One frame of every app, and what happens until the next.
function World:step()
  local next_frame = socket.gettime() + self.frame
  self:poll()
  for _, app in ipairs(self.apps) do
    if awake(app) then app:frame() end
  end
  for _ = 1, 3 do
    local left = next_frame - socket.gettime()
    if left <= 0 then break end
    tcp.wait(left)
    self:poll()
    for _, app in ipairs(self.apps) do
      if awake(app) then app:between() end
    end
  end
  local left = next_frame - socket.gettime()
  if left > 0 then socket.sleep(left) end
end

function World:frames(n)
  for _ = 1, n do self:step() end
end

-- Time passes for the apps, in steps short enough to be frames to them.
function World:pass(seconds)
  while seconds > 0 do
    for _, app in ipairs(self.apps) do app:skip(math.min(seconds, 0.9)) end
    seconds = seconds - 0.9
    self:step()
  end
end

function World:wait(what, condition, patience)
  for _ = 1, patience or PATIENCE do
    local result = condition()
    if result then return result end
    self:step()
  end
  error("waited in vain for " .. what, 2)
end

function World:without_errors(app)
  if app.aborted and not app.may_abort then error("the program was ended: " .. app.aborted, 2) end
  if #app.errors > app.expected_errors then error("an error in a script:\n" .. table.concat(app.errors, "\n"), 2) end
end

function World:finish()
  for _, app in ipairs(self.apps) do app:quit() end
  for _, peer in ipairs(self.peers) do peer:close() end
  for _, cleanup in ipairs(self.cleanups) do cleanup() end
end

-- The name of a room of this test's own.
function World:room(what) return what .. "-" .. self.profile .. "-" .. self.seed end

local function show(value, depth)
  depth = depth or 1
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" or depth > 4 then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. " = " .. show(item, depth + 1) end
  table.sort(parts)
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

function harness.equal(got, expected, what)
  if not same(got, expected) then error((what and what .. ": " or "") .. show(got) .. ", not " .. show(expected), 2) end
end

function harness.check(condition, what)
  if not condition then error(what or "not so", 2) end
end

-- That a call raises, and says this.
function harness.raises(text, fn, ...)
  local fine, problem = pcall(fn, ...)
  if fine then error("nothing was raised, expected: " .. text, 2) end
  if not tostring(problem):find(text, 1, true) then error("raised " .. tostring(problem) .. ", not " .. text, 2) end
end

local function run_one(test, options)
  local here = world(test.profile, options)
  local fine, problem = xpcall(function()
    test.fn(here, harness)
    for _, app in ipairs(here.apps) do here:without_errors(app) end
  end, debug.traceback)
  local finished, untidy = pcall(here.finish, here)
  if fine and not finished then fine, problem = false, untidy end
  if fine and tcp.count() > 0 then fine, problem = false, tcp.count() .. " sockets are left open" end
  if not fine then
    for n, app in ipairs(here.apps) do
      for _, line in ipairs(app.log) do problem = problem .. "\n  app " .. n .. ": " .. line end
      for _, line in ipairs(app.errors) do problem = problem .. "\n  app " .. n .. " raised: " .. line end
    end
  end
  return fine, problem
end

-- Runs all, or those whose name contains `options.only`; how many passed and failed.
function harness.run(options)
  local passed, failed = 0, 0
  for _, test in ipairs(harness.tests) do
    if not options.only or test.name:find(options.only, 1, true) then
      local began = socket.gettime()
      local fine, problem = run_one(test, options)
      print(("%s %s (%.1f s)"):format(fine and "ok  " or "FAIL", test.name, socket.gettime() - began))
      if fine then passed = passed + 1 else
        failed = failed + 1
        print(problem)
      end
      io.stdout:flush()
    end
  end
  return passed, failed
end

return harness
