-- Where the server is, out of what a person may have typed. Checked here, because an invalid URL ends the whole engine
-- in a browser.

local address = {}

local SECURE = { http = false, ws = false, https = true, wss = true }

local function valid_host(host)
  if host:match("^%[[%x:%.]+%]$") then return true end
  return #host <= 253 and host:match("^[%w%-%._]+$") ~= nil and not host:find("..", 1, true)
end

-- `{host, http, websocket}` with `http` ending in a slash, or nil and what is wrong. `secure_page`: the game is part of a
-- page that came over https, which may open secure connections only.
function address.parse(text, secure_page)
  if type(text) ~= "string" then return nil, "the address of the server must be a text" end
  text = text:match("^%s*(.-)%s*$")
  local scheme, rest = text:match("^(%a+)://(.*)$")
  if not scheme then scheme, rest = "http", text end
  scheme = scheme:lower()
  local secure = SECURE[scheme]
  if secure == nil then return nil, "an address begins with http, https, ws or wss, not " .. scheme end
  local host, path = rest:match("^([^/]*)(.*)$")
  local name, port = host:match("^(.-):(%d+)$")
  if host:match("^%[") and not host:match("%]:%d+$") then name, port = host, nil end
  name = name or host
  if not valid_host(name) then return nil, "no host in the address: " .. text end
  if port and (tonumber(port) < 1 or tonumber(port) > 65535) then return nil, "no port is called " .. port end
  if not path:match("^[%w%-%._~/%%]*$") then return nil, "a path of other characters: " .. path end
  if path:sub(-1) ~= "/" then path = path .. "/" end
  secure = secure or secure_page
  local tail = "://" .. host .. path
  return { host = host, http = (secure and "https" or "http") .. tail,
    websocket = (secure and "wss" or "ws") .. tail .. "ws" }
end

-- For a part of a query.
function address.escape(text)
  return (text:gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

return address
