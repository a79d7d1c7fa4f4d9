from .train import main

print("package", __name__, __package__, __spec__.name)
main(4)
