-- Requires what lies outside its folder.
-- expect: refused at load

return require "../../secret"
