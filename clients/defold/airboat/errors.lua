-- Errors are values: every asynchronous call of the library ends with a result or with one of these,
-- `{code, reason, message, retry}`.
--
-- Codes 1-99 are the server's (docs/protocol.md), 100 and above are the client's own.

local errors = {}

---@class airboat.Error
---@field code integer A number of the protocol (1-99) or of the client (from 100).
---@field reason string A word for the code, for programs: `room_full`, `unreachable`, …
---@field message string A sentence for people.
---@field retry boolean Whether trying the same again later makes sense.

errors.BUSY = 7
errors.HIDDEN = 10
errors.LEFT = 50
errors.RESUME_REFUSED = 57
errors.ROOM_FULL = 58
errors.BAD_DEVICE = 63
errors.EXPIRED = 64
errors.UNKNOWN_MESSAGE = 65
errors.UNREACHABLE = 100
errors.TIMEOUT = 101
errors.CLOSED = 102
errors.LOST = 103
errors.FAILED = 104
errors.BAD_URL = 105

local words = {}
local function name(first, list)
  for word in list:gmatch("%S+") do
    words[first] = word
    first = first + 1
  end
end
name(1, "restarting moved slow_consumer idle_link internal room_failed busy rate_limited no_hello hidden")
name(50, "left kicked banned bad_frame wrong_password version room_closed resume_refused room_full unknown_module refused "
  .. "bad_name replaced bad_device expired unknown_message too_large")
name(100, "unreachable timeout closed lost failed bad_url")

-- Whether a link that ended with this code is worth another try.
function errors.comes_back(code) return code < 50 end

---@return airboat.Error
function errors.failure(code, message)
  local reason = words[code] or "unknown"
  return {
    code = code,
    reason = reason,
    message = message and message ~= "" and message or (reason:gsub("_", " ")),
    retry = code < 50 or code == errors.UNREACHABLE or code == errors.TIMEOUT or code == errors.LOST,
  }
end

-- Bytes that are no frame of this protocol. Raised inside the library only, as `{codec = reason}`: the session catches
-- it, drops the link and resumes.
local codec_errors = {}
for reason in ("truncated range marker count depth shape trailing baseline"):gmatch("%S+") do
  codec_errors[reason] = { codec = reason }
end

function errors.codec(reason) error(codec_errors[reason], 0) end

-- Runs `fn`; returns what it returns, or nil and the reason when the bytes were bad. Other errors go on.
function errors.catch(fn, ...)
  local ok, a, b = pcall(fn, ...)
  if ok then return a, b end
  if type(a) == "table" and a.codec then return nil, a.codec end
  error(a, 0)
end

return errors
