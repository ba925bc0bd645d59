-- Reads Lua source and names what plain Lua 5.1 does not have or takes for something else, silently. Comments and strings
-- are told apart from code, so that a word in them is no finding.

local scan = {}

local WORDS = { ["goto"] = true, utf8 = true, ffi = true, bit32 = true }
-- `bit` is in every build of the engine, and arithmetic is enough: one thing less to differ.
local MEMBERS = {
  table = { unpack = true, pack = true, move = true, new = true, clear = true },
  string = { pack = true, unpack = true, packsize = true, buffer = true },
  math = { type = true, tointeger = true, ult = true },
  coroutine = { isyieldable = true, close = true },
  bit = true,
}
local OPERATORS = { ["//"] = true, ["&"] = true, ["|"] = true, ["~"] = true, ["<<"] = true, [">>"] = true, ["::"] = true }
local PATTERNS = { find = true, match = true, gmatch = true, gsub = true }
-- More arguments than this are dropped without a word.
local MOST_ARGUMENTS = { xpcall = 2 }

local function line_of(source, at)
  local _, lines = source:sub(1, at):gsub("\n", "")
  return lines + 1
end

local function long_bracket(source, at)
  local equals = source:match("^%[(=*)%[", at)
  if not equals then return nil end
  local _, stop = source:find("]" .. equals .. "]", at, true)
  return stop or #source
end

local function short_string(source, at)
  local quote, n = source:sub(at, at), at + 1
  while n <= #source do
    local c = source:sub(n, n)
    if c == "\\" then n = n + 2
    elseif c == quote or c == "\n" then return n
    else n = n + 1 end
  end
  return #source
end

-- A list of { kind, text, at }: name, number, string, long, operator.
function scan.tokens(source)
  local tokens, at = {}, 1
  if source:sub(1, 1) == "#" then at = source:find("\n", 1, true) or #source + 1 end
  local function add(kind, stop)
    tokens[#tokens + 1] = { kind = kind, text = source:sub(at, stop), at = at }
    at = stop + 1
  end
  while true do
    at = source:find("%S", at)
    if not at then return tokens end
    local c = source:sub(at, at)
    if source:sub(at, at + 1) == "--" then
      at = (long_bracket(source, at + 2) or source:find("\n", at, true) or #source) + 1
    elseif c == '"' or c == "'" then add("string", short_string(source, at))
    elseif long_bracket(source, at) then add("long", long_bracket(source, at))
    elseif c:find("[%a_]") then add("name", select(2, source:find("^[%w_]+", at)))
    elseif source:find("^%.?%d", at) then add("number", select(2, source:find("^[%w.]+", at)))
    else
      local three, two = source:sub(at, at + 2), source:sub(at, at + 1)
      if three == "..." then add("operator", at + 2)
      elseif two == "==" or two == "~=" or two == "<=" or two == ">=" or two == ".." or OPERATORS[two] then add("operator", at + 1)
      else add("operator", at) end
    end
  end
end

-- The tokens between the bracket at `n` and its partner; how many arguments these are.
local function arguments(tokens, n)
  local depth, list, count = 0, {}, 0
  for place = n, #tokens do
    local text = tokens[place].kind == "operator" and tokens[place].text
    if text == "(" or text == "{" or text == "[" then depth = depth + 1 end
    if text == ")" or text == "}" or text == "]" then depth = depth - 1 end
    if depth == 0 then break end
    if place > n then list[#list + 1] = tokens[place] end
    if depth == 1 and text == "," then count = count + 1 end
  end
  return list, #list > 0 and count + 1 or 0
end

local function check_string(token, found)
  local n = 2
  while n < #token.text do
    local c = token.text:sub(n, n)
    if c == "\\" then
      local escaped = token.text:sub(n + 1, n + 1)
      if not escaped:find("[abfnrtv\\\"'\n%d]") then found(token, "\\" .. escaped .. " in a string") end
      n = n + 2
    else
      n = n + 1
    end
  end
end

local function check_name(tokens, n, found)
  local token, before, dot, member = tokens[n], tokens[n - 1], tokens[n + 1], tokens[n + 2]
  local free = not before or (before.text ~= "." and before.text ~= ":")
  if not free then
    if before.text == ":" and PATTERNS[token.text] and dot and dot.text == "(" then
      for _, argument in ipairs((arguments(tokens, n + 1))) do
        if argument.kind == "string" and argument.text:find("%%g") then found(argument, "%g in a pattern") end
      end
    end
    if token.text == "rep" and dot and dot.text == "(" and before.text == ":" and select(2, arguments(tokens, n + 1)) > 1 then
      found(token, "string.rep with a separator")
    end
    return
  end
  local is_key = dot and dot.text == "=" and before and (before.text == "{" or before.text == ",")
  if WORDS[token.text] and not is_key then found(token, token.text) end
  local members = MEMBERS[token.text]
  if members and dot and dot.text == "." and member and (members == true or members[member.text]) then
    found(token, token.text .. "." .. member.text)
  end
  if MOST_ARGUMENTS[token.text] and dot and dot.text == "(" and select(2, arguments(tokens, n + 1)) > MOST_ARGUMENTS[token.text] then
    found(token, token.text .. " with arguments")
  end
  if token.text == "load" and dot and (dot.kind == "string" or (dot.text == "(" and member and member.kind == "string")) then
    found(token, "load of a text")
  end
  if token.text == "require" and dot and (dot.kind == "string" or (member and member.kind == "string")) then
    local name = (dot.kind == "string" and dot or member).text:sub(2, -2)
    if name == "ffi" or name == "bit" or name:find("^table%.") or name:find("^string%.") or name == "jit" then found(token, "require of " .. name) end
  end
end

-- A list of "line: what".
function scan.dialect(source)
  local list, tokens = {}, scan.tokens(source)
  local function found(token, what) list[#list + 1] = line_of(source, token.at) .. ": " .. what end
  for n, token in ipairs(tokens) do
    if token.kind == "string" then check_string(token, found)
    elseif token.kind == "name" then check_name(tokens, n, found)
    elseif token.kind == "operator" and OPERATORS[token.text] then found(token, token.text)
    elseif token.kind == "number" and (token.text:find("^0[bB]") or token.text:find("[uU]?[lL][lL]$") or token.text:find("^%d[%d.]*i$")) then
      found(token, "the number " .. token.text)
    end
  end
  return list
end

-- What a file reads and writes of globals, by the compiler's own listing: { read = { name = line }, written = { … } }; nil
-- and the problem when plain Lua 5.1 does not compile it.
function scan.globals(path)
  local pipe = assert(io.popen("luac5.1 -l -p '" .. path .. "' 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  if not text:find("main <", 1, true) then return nil, text end
  local globals = { read = {}, written = {} }
  for line, what, name in text:gmatch("%[(%d+)%]%s+([GS]ETGLOBAL)%s+%S+%s+%S+%s+; ([%w_]+)") do
    local list = what == "GETGLOBAL" and globals.read or globals.written
    list[name] = list[name] or tonumber(line)
  end
  return globals
end

return scan
