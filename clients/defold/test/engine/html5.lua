-- html5.run as the engine behaves: it hands the code to Emscripten's emscripten_run_script_string. The page may be a real one
-- (host/browser.lua); without one, `location.protocol` is all that is answered.

local Html5 = {}
Html5.__index = Html5

-- What a page does so that a test can break its sessions as a network would, and send them elsewhere.
local PRELUDE = [[
  self.sessions = [];
  self.offline = false;
  self.relay = 0;
  if (self.WebTransport) {
    const Real = self.WebTransport;
    self.WebTransport = class extends Real {
      constructor(url, options) {
        super(self.offline ? "https://127.0.0.1:1/" : self.relay ? url.replace(/:\d+/, ":" + self.relay) : url, options);
        self.sessions.push(this);
      }
    };
  }
]]

-- `page`: a real one, or nil.
local function new(app, page)
  return setmetatable({ app = app, page = page, offline = false, calls = 0 }, Html5)
end

function Html5:run(code)
  if type(code) ~= "string" and type(code) ~= "number" then
    error("bad argument #1 to 'run' (string expected, got " .. type(code) .. ")", 3)
  end
  code = tostring(code):match("^[^%z]*") -- a C string on its way to JavaScript
  self.calls = self.calls + 1
  local app, page = self.app, self.page
  if not page then return code:find("location.protocol", 1, true) and app.page or "" end
  if self.offline ~= (app.offline or false) then
    self.offline = app.offline or false
    page:run("offline = " .. tostring(self.offline))
  end
  local answer, thrown = page:run(code)
  -- It goes through the engine's own code, which is not made for it: pcall is of no use.
  if thrown then app:abort(thrown) end
  return answer and answer:match("^[^%z]*") -- and another on its way back; NULL, which is nil, for null and undefined
end

-- Breaks the sessions; how many there were.
function Html5:cut()
  if not self.page then return 0 end
  return tonumber(self.page:run("sessions.splice(0).map((session) => session.close()).length"))
end

function Html5:api()
  return { run = function(code) return self:run(code) end }
end

return { new = new, PRELUDE = PRELUDE }
