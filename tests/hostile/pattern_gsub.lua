-- The same bombs through gsub and gmatch.
-- expect: error

return {
  tick = function()
    local ok = pcall(string.gsub, ("x"):rep(1000), ".-.-.-b", "")
    for _ in ("x"):rep(1000):gmatch "^.-.-.-b" do ok = true end
    return ok
  end,
}
