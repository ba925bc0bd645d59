-- A real Chromium without a window, and pages in it: what they evaluate, they answer at once. Spoken to by its DevTools
-- protocol over a WebSocket, and waited for, since an engine waits for its page.

local frames = require "host.frames"
local json = require("engine.json").api()
local process = require "host.process"
local socket = require "socket"

local alive, quoted, read = process.alive, process.quoted, process.read

local Browser = {}
Browser.__index = Browser
local Page = {}
Page.__index = Page

local START_SECONDS, ANSWER_SECONDS = 60, 30 -- busy machines
local FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
  .. "--disable-sync --disable-background-timer-throttling --disable-renderer-backgrounding --disable-backgrounding-occluded-windows"

-- `binary`: Chromium; `folder` is made anew for its profile.
local function launch(binary, folder)
  os.execute("mkdir -p " .. quoted(folder))
  local pid = process.start(("%s %s --remote-debugging-port=0 --user-data-dir=%s about:blank"):format(quoted(binary), FLAGS, quoted(folder)),
    folder .. "/log")
  local self = setmetatable({ pid = pid, last = 0 }, Browser)
  local deadline, port, path = socket.gettime() + START_SECONDS, nil, nil
  repeat
    socket.sleep(0.02)
    port, path = read(folder .. "/DevToolsActivePort"):match("^(%d+)\n(%S+)")
  until port or not alive(pid) or socket.gettime() > deadline
  if not port then
    self:close()
    error("Chromium did not start: " .. read(folder .. "/log"))
  end
  self:open(tonumber(port), path)
  return self
end

function Browser:open(port, path)
  self.handle = assert(socket.connect("127.0.0.1", port))
  self.handle:settimeout(ANSWER_SECONDS)
  self.handle:setoption("tcp-nodelay", true)
  self.handle:send(("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    .. "Sec-WebSocket-Key: %s\r\n\r\n"):format(path, port, frames.NONCE))
  assert(assert(self.handle:receive("*l")):find(" 101 ", 1, true), "Chromium speaks no DevTools protocol")
  while assert(self.handle:receive("*l")) ~= "" do end
end

-- One message.
function Browser:receive()
  local text = ""
  while true do
    local head = assert(self.handle:receive(2))
    local size = head:byte(2)
    local wide = size == 126 and 2 or size == 127 and 8 or 0
    if wide > 0 then
      size = 0
      for _, byte in ipairs { assert(self.handle:receive(wide)):byte(1, wide) } do size = size * 256 + byte end
    end
    text = text .. (size > 0 and assert(self.handle:receive(size)) or "")
    if head:byte(1) >= 128 then return text end
  end
end

-- Asks and waits; what the browser tells of itself meanwhile is nobody's concern.
function Browser:ask(method, params, session)
  self.last = self.last + 1
  local question = { id = self.last, method = method, params = params, sessionId = session }
  self.handle:send(frames.encode(frames.TEXT, json.encode(question), "\0\0\0\0"))
  while true do
    local answer = json.decode(self:receive())
    if answer.id == self.last then
      if answer.error then error("Chromium: " .. method .. ": " .. answer.error.message) end
      return answer.result
    end
  end
end

-- A page at `url`, loaded, in which `prelude` has run.
function Browser:page(url, prelude)
  local target = self:ask("Target.createTarget", { url = url }).targetId
  local page = setmetatable({
    browser = self, target = target, session = self:ask("Target.attachToTarget", { targetId = target, flatten = true }).sessionId,
  }, Page)
  local deadline = socket.gettime() + ANSWER_SECONDS
  while page:run("document.readyState + location.href") ~= "complete" .. url do
    if socket.gettime() > deadline then error("a page that does not load: " .. url) end
    socket.sleep(0.01)
  end
  page:run(prelude or "")
  return page
end

-- What Emscripten's emscripten_run_script_string makes of `code`: nil for null and undefined, else a text. Then nil and what
-- was thrown.
function Page:run(code)
  local wrapped = "(() => { const s = eval(" .. json.encode(code) .. "); return s == null ? null : s + ''; })()"
  local result = self.browser:ask("Runtime.evaluate", { expression = wrapped, returnByValue = true }, self.session)
  local thrown = result.exceptionDetails
  if thrown then return nil, thrown.exception and thrown.exception.description or thrown.text end
  return result.result.value
end

function Page:close()
  self.browser:ask("Target.closeTarget", { targetId = self.target })
end

function Browser:close()
  if not self.pid then return end
  if self.handle then
    pcall(self.ask, self, "Browser.close")
    self.handle:close()
  end
  local deadline = socket.gettime() + 5
  while alive(self.pid) and socket.gettime() < deadline do socket.sleep(0.02) end
  process.signal(self.pid, 9)
  self.pid = nil
end

return { launch = launch }
