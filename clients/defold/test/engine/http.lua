-- http.request as the engine behaves. There is no way to cancel one, and a failure says nothing about its cause.

local http_client = require "host.http_client"

local Http = {}
Http.__index = Http

local function new(app)
  return setmetatable({ app = app, waiting = {}, running = {}, urls = {}, preflights = 0, requests = 0 }, Http)
end

local function expect(kind, value, place, optional)
  if optional and value == nil then return end
  if type(value) ~= kind then
    error("bad argument #" .. place .. " to 'request' (" .. kind .. " expected, got " .. (value == nil and "no value" or type(value)) .. ")", 4)
  end
end

-- What a browser asks the server's permission for before it sends the request itself.
local function needs_preflight(method, headers)
  if method ~= "GET" and method ~= "HEAD" and method ~= "POST" then return true end
  for key, value in pairs(headers or {}) do
    local plain = key:lower() == "content-type" and tostring(value):lower():find("^text/plain")
    if not plain and key:lower() ~= "accept" then return true end
  end
  return false
end

function Http:request(url, method, callback, headers, body, options)
  expect("string", url, 1)
  expect("string", method, 2)
  expect("function", callback, 3)
  expect("table", headers, 4, true)
  expect("string", body, 5, true)
  expect("table", options, 6, true)
  local app = self.app
  self.requests = self.requests + 1
  if app.html5 and needs_preflight(method, headers) then self.preflights = self.preflights + 1 end
  local timeout = options and options.timeout or app:config_number("network.http_timeout", 0)
  local host, port, path = url:match("^http://([^/:?#]+):?(%d*)([^#]*)")
  self.urls[#self.urls + 1] = url
  table.insert(self.waiting, {
    id = self.requests, url = url, callback = app:callback(callback), times_out = timeout > 0 and app:now() + timeout,
    call = host and {
      host = host, port = tonumber(port) or 80, path = path == "" and "/" or path, method = method, headers = headers,
      body = body, faults = app.faults,
    },
  })
end

local function start(self, request)
  if not request.call or self.app.offline then
    request.answer = { status = 0, headers = {}, body = "" }
  else
    request.client = http_client.send(request.call)
  end
  table.insert(self.running, request)
end

-- Natively a few threads run the requests, and each of them is taken up by a parked poll; a browser has more of them.
function Http:poll()
  local threads = self.app.html5 and 6 or self.app:config_number("network.http_thread_count", 4)
  while #self.waiting > 0 and #self.running < threads do start(self, table.remove(self.waiting, 1)) end
  self.most = math.max(self.most or 0, #self.running)
  for _, request in ipairs(self.running) do
    if not request.answer then
      request.answer = request.client:poll()
      if not request.answer and request.times_out and self.app:now() >= request.times_out then
        request.client:abort()
        request.answer = { status = 0, headers = {}, body = "" }
      end
    end
  end
end

local function response(request)
  local answer = request.answer
  local full = answer.status == 200 or answer.status == 206
  return {
    status = answer.status, response = answer.body, headers = full and answer.headers or {}, url = request.url,
    bytes_received = #answer.body, bytes_total = #answer.body,
  }
end

function Http:update()
  for place = #self.running, 1, -1 do
    if self.running[place].answer then
      local request = table.remove(self.running, place)
      request.done = true
      self.done = self.done or {}
      table.insert(self.done, 1, request)
    end
  end
  local done = self.done or {}
  self.done = nil
  for _, request in ipairs(done) do self.app:invoke(request.callback, request.id, response(request)) end
end

function Http:cut()
  local cut = 0
  for _, request in ipairs(self.running) do
    if request.client and not request.answer then
      request.client:abort()
      cut = cut + 1
    end
  end
  return cut
end

function Http:api()
  return { request = function(...) self:request(...) end }
end

return { new = new }
