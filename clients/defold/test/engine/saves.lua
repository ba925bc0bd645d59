-- sys.*: configuration, what kind of machine this is, and saved tables. Files are real; browsers may refuse to keep them.

local MAX_BYTES = 512 * 1024

local function quote(text)
  return '"' .. text:gsub('[%c"\\\128-\255]', function(c) return string.format("\\%03d", c:byte()) end) .. '"'
end

local function write(value, out, depth)
  local kind = type(value)
  if kind == "number" then out[#out + 1] = string.format("%.17g", value)
  elseif kind == "boolean" then out[#out + 1] = tostring(value)
  elseif kind == "string" then out[#out + 1] = quote(value)
  elseif kind == "table" and depth < 16 then
    out[#out + 1] = "{"
    for key, item in pairs(value) do
      if type(key) ~= "string" and type(key) ~= "number" then error("keys in table must be of type number or string", 4) end
      out[#out + 1] = "["
      write(key, out, depth)
      out[#out + 1] = "]="
      write(item, out, depth + 1)
      out[#out + 1] = ","
    end
    out[#out + 1] = "}"
  else
    error("unsupported value type in table: " .. kind, 4)
  end
end

local function folder(path) os.execute("mkdir -p '" .. path .. "'") end

local function save(app, path, data)
  if type(path) ~= "string" then error("bad argument #1 to 'save' (string expected, got " .. type(path) .. ")", 3) end
  if type(data) ~= "table" then error("bad argument #2 to 'save' (table expected, got " .. type(data) .. ")", 3) end
  local out = {}
  write(data, out, 1)
  local text = table.concat(out)
  if #text > MAX_BYTES then error("table too large", 3) end
  if app.storage == "blocked" then error("Could not write to the file " .. path .. ".", 3) end
  folder(path:match("^(.*)/"))
  local file = io.open(path, "wb")
  if not file then error("Could not write to the file " .. path .. ".", 3) end
  file:write(text)
  file:close()
  return true
end

local function load_saved(app, path)
  if type(path) ~= "string" then error("bad argument #1 to 'load' (string expected, got " .. type(path) .. ")", 3) end
  if app.storage == "blocked" then return {} end
  local file = io.open(path, "rb")
  if not file then return {} end
  local chunk = loadstring("return " .. file:read("*a"))
  file:close()
  local read, data = pcall(chunk or error)
  if not read or type(data) ~= "table" then error("Could not read from the file " .. path .. ".", 3) end
  return data
end

local function install(app, environment)
  local function config(key, default)
    if type(key) ~= "string" then error("bad argument #1 (string expected, got " .. type(key) .. ")", 3) end
    local value = app.config[key]
    if value == nil then return default end
    return value
  end
  environment.sys = {
    get_config_string = function(key, default) return config(key, default) end,
    get_config_number = function(key, default) return tonumber(config(key, default)) end,
    get_config_int = function(key, default)
      local number = tonumber(config(key, default))
      return number and math.floor(number)
    end,
    get_save_file = function(id, name)
      if type(id) ~= "string" or type(name) ~= "string" then error("bad argument to 'get_save_file' (string expected)", 2) end
      return app.home .. "/" .. id .. "/" .. name
    end,
    save = function(path, data) return save(app, path, data) end,
    load = function(path) return load_saved(app, path) end,
    get_sys_info = function()
      return { system_name = app.html5 and "HTML5" or "Linux", device_ident = "", user_agent = "", language = "en" }
    end,
    get_engine_info = function() return { version = "1.9.7", version_sha1 = "", is_debug = app.release ~= true } end,
  }
end

return { install = install }
