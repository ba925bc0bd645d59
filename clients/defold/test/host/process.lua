-- Processes beside the tests, and the files that they write.

local process = {}

function process.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

function process.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

function process.alive(pid) return os.execute("kill -0 " .. pid .. " 2>/dev/null") == 0 end

function process.signal(pid, name) os.execute("kill -" .. name .. " " .. pid .. " 2>/dev/null") end

-- In the background, with what it says in `log`; answers its number.
function process.start(command, log)
  local pipe = assert(io.popen(command .. " >" .. process.quoted(log) .. " 2>&1 </dev/null & echo $!"))
  local pid = pipe:read("*a"):match("%d+")
  pipe:close()
  -- Whoever ends the run early finds here what to end with it.
  local list = os.getenv("AIRBOAT_STAND_IN_PIDS")
  local file = list and io.open(list, "a")
  if file then
    file:write(pid, "\n")
    file:close()
  end
  return pid
end

return process
