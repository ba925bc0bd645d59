-- No Lua at all.
-- expect: refused at load

return { tick = function( end
