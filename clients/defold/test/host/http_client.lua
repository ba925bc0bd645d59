-- One HTTP request on a connection of its own, without blocking.

local tcp = require "host.tcp"

local Request = {}
Request.__index = Request

-- `request`: { host, port, path, method, headers, body, faults }.
local function send(request)
  local head = { request.method .. " " .. request.path .. " HTTP/1.1", "host: " .. request.host .. ":" .. request.port,
    "connection: close" }
  for key, value in pairs(request.headers or {}) do head[#head + 1] = key .. ": " .. value end
  local body = request.body or ""
  if body ~= "" or request.method == "POST" then head[#head + 1] = "content-length: " .. #body end
  local connection = tcp.connect(request.host, request.port, request.faults)
  connection:send(table.concat(head, "\r\n") .. "\r\n\r\n" .. body)
  return setmetatable({ tcp = connection, bytes = "" }, Request)
end

local function chunked(body)
  local parts, at = {}, 1
  while true do
    local size, after = body:match("^(%x+)[^\r\n]*\r\n()", at)
    if not size then return nil end
    local n = tonumber(size, 16)
    if n == 0 then return table.concat(parts) end
    if #body < after + n + 1 then return nil end
    parts[#parts + 1] = body:sub(after, after + n - 1)
    at = after + n + 2
  end
end

local function parse(bytes, ended)
  local _, stop = bytes:find("\r\n\r\n", 1, true)
  local status = tonumber(bytes:match("^HTTP/1%.%d (%d+)"))
  if not stop or not status then return nil end
  local headers, body = {}, bytes:sub(stop + 1)
  for key, value in bytes:sub(1, stop):gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do headers[key:lower()] = value end
  if headers["transfer-encoding"] == "chunked" then
    body = chunked(body)
  elseif headers["content-length"] then
    local size = tonumber(headers["content-length"])
    body = #body >= size and body:sub(1, size) or nil
  elseif not ended then
    body = nil
  end
  return body and { status = status, headers = headers, body = body }
end

-- The response when it is whole, `{ status = 0 }` when it never will be, else nil.
function Request:poll()
  self.bytes = self.bytes .. self.tcp:take()
  local ended = self.tcp.closed and not self.tcp.held
  local response = parse(self.bytes, ended) or (ended and { status = 0, headers = {}, body = "" })
  if response then self.tcp:close() end
  return response or nil
end

function Request:abort() self.tcp:abort() end

return { send = send }
