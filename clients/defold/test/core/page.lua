-- A page in the hands of a test: it has WebTransport, opens what is asked for when it is told to, and says what it is told.

local bytes = require "airboat.bytes"

local Page = {}
Page.__index = Page

local function new() return setmetatable({ links = {}, codes = {} }, Page) end

-- Bytes as characters of the same number, in UTF-8.
local function text(s)
  return (s:gsub("[%z\128-\255]", function(c)
    local n = c == "\0" and 256 or c:byte()
    return string.char(192 + math.floor(n / 64), 128 + n % 64)
  end))
end

local function unescaped(literal)
  return (literal:gsub("\\x(%x%x)", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function record(kind, data) return text(string.char(kind) .. bytes.u32(#data) .. data) end

local calls = {}

function calls.echo(_, arguments) return text(unescaped(arguments:match('^"(.*)"$'))) end

function calls.open(self, arguments)
  local link = { arguments = arguments, state = "c", waiting = "", sent = {} }
  table.insert(self.links, link)
  return tostring(#self.links)
end

function calls.turn(self, arguments)
  local link = self.links[tonumber(arguments)]
  local answer = link.state .. link.waiting
  link.waiting = ""
  return answer
end

function calls.send(self, arguments)
  local number, stream, literal = arguments:match('^(%d+), ([01]), "(.*)"$')
  table.insert(self.links[tonumber(number)].sent, { stream == "1", unescaped(literal) })
  return ""
end

function calls.close(self, arguments)
  self.links[tonumber(arguments)].state = "x"
  return ""
end

function Page:run(code)
  local name, arguments = code:match("^airboat1%.(%a+)%((.*)%)$")
  if name then return calls[name](self, arguments) end
  table.insert(self.codes, code)
  return "yes"
end

function Page:newest() return self.links[#self.links] end

-- What the newest session brings: datagrams and pieces of the stream.
function Page:datagram(data) self:newest().waiting = self:newest().waiting .. record(0, data) end
function Page:piece(data) self:newest().waiting = self:newest().waiting .. record(1, data) end
function Page:missed(came, left) self:newest().waiting = self:newest().waiting .. record(2, bytes.u32(came) .. bytes.u32(left)) end

return { new = new }
